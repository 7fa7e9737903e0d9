"""Every alert rule against what a real Flower exposed once: what makes it fire, and what comes near and does not.

`scrape.txt` was recorded from a Flower with a worker, on a database where all is well. A test holds that a Flower of
today exposes the same series; RECORD=1 writes the file anew.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pkgintel import database
from pkgintel.pipeline.checks import ASSETS
from pkgintel.settings import Deployment
from pkgintel.tasks import beat
from tests.integration.flower.test_metrics import ALERTS, rules
from tests.integration.flower.test_page import fill, read_texts
from tests.support.flowers import Start
from tests.support.waiting import until
from tests.support.workers import Fleet

SCRAPE = Path(__file__).with_name("scrape.txt")
Series = dict[str, str]


def prosper(conn: database.Connection, settings: Deployment) -> None:
    """All is well: fresh, passed, a scan in progress, both schedules enabled for long, upkeep was here."""
    fill(conn, settings)
    read_texts(conn)
    conn.execute(
        """
        UPDATE ops.schedules SET enabled = true, changed_by = 'ann', changed_at = now() - interval '60 days',
            last_tick = now() - interval '1 minute';
        INSERT INTO ops.watermarks (source, watermark_ticks, origin_ticks)
        VALUES ('nuget', (extract(epoch FROM now() - interval '2 minutes') * 1e7)::bigint, 0);
        UPDATE ops.runs SET newest_ticks = (extract(epoch FROM now() - interval '1 minute') * 1e7)::bigint
        WHERE state = 'running';
        INSERT INTO ops.http_answers VALUES ('2xx', 900), ('3xx', 10), ('4xx', 8), ('5xx', 9), ('timeout', 1),
            ('not-json', 2);
        """
    )


def ours(text: str) -> dict[str, float]:
    """The series of an exposition that rules may name, as promtool writes them, with their values."""
    return {
        _named(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("pkgintel_") or sample.name == "flower_worker_online"
    }


def _named(name: str, labels: dict[str, str]) -> str:
    told = ", ".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{told}}}" if told else name


@pytest.mark.processes
def test_a_frozen_worker_is_seen_at_once_and_a_flower_exposes_what_was_recorded(
    settings: Deployment, conn: database.Connection, flower: Start, tmp_path: Path
) -> None:
    prosper(conn, settings)
    with ExitStack() as stack:
        worker = Fleet(stack, settings, tmp_path).worker("w")
        served = flower(settings)

        def exposed() -> dict[str, float]:
            return ours(served.get("/metrics")[1])

        def online() -> dict[str, float] | None:
            found = exposed()
            seen = found.get("pkgintel_workers"), found.get('flower_worker_online{worker="w@tests"}')
            return found if seen == (1, 1) else None

        found = until(online, "the worker is there for Flower and for us")
        if "RECORD" in os.environ:
            SCRAPE.write_text("".join(f"{name} {value:.15g}\n" for name, value in sorted(found.items())))
        assert set(found) == set(recorded())
        assert "No worker answers" not in served.get("/pipeline")[1]

        for number in (signal.SIGSTOP, signal.SIGCONT):
            os.killpg(worker.pid, number)
            begun, there = time.monotonic(), int(number == signal.SIGCONT)
            until(lambda: exposed()["pkgintel_workers"] == there, "it is seen")  # noqa: B023
            until(lambda: ("No worker answers" in served.get("/pipeline")[1]) != there, "the page says so")  # noqa: B023
            assert time.monotonic() - begun < 20
            assert exposed()['flower_worker_online{worker="w@tests"}'] == 1, "which is all that Flower knows"


def recorded() -> dict[str, float]:
    """The series of the recorded scrape, with their values."""
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in SCRAPE.read_text().splitlines())}


def well(rules: Iterable[str], minutes: int) -> Series:
    """What some rules name of the recorded scrape, for a day: stamps stay as far behind the clock as they were."""
    found, named = recorded(), metrics_of(rules)
    now = found["pkgintel_watermark_timestamp_seconds"] + found["pkgintel_watermark_age_seconds"]
    return {
        name: f"{value - now:.0f}+{60 * minutes}x1600" if "_timestamp_seconds" in name else f"{value:.15g}x1600"
        for name, value in found.items()
        if _metric(name) in named
    }


def metrics_of(rules: Iterable[str]) -> set[str]:
    """The metrics that some rules name."""
    return {name for rule in rules for name in re.findall(r"\b(?:pkgintel|flower)_[a-z_]+", rule.split("labels:")[0])}


def _metric(series: str) -> str:
    return series.partition("{")[0]


def test_the_recorded_series_are_what_the_rules_name() -> None:
    assert metrics_of(rules().values()) <= {_metric(name) for name in recorded()}


RUN = 'run="7", source="nuget"'
SILENT = f'pkgintel_running_silent_seconds{{action="scan", {RUN}}}'
FLOOR = 'blocking="true", check="raw_spdx_licenses_osi_floor", gate="raw_spdx_licenses"'
ANSWERS = 'pkgintel_http_answers_total{{kind="{}"}}'.format
ENABLED = 'pkgintel_schedule_enabled{{schedule="{}"}}'.format
LATE = 'pkgintel_schedule_late_seconds{schedule="nuget"}'
FRESH = 'pkgintel_asset_fresh{{asset="{}"}}'.format
DUE = 'pkgintel_asset_due{{asset="{}"}}'.format
ALIKE = 'blocking="true", check="raw_license_texts_alike", gate="raw_license_texts"'
WARNS = 'blocking="false", check="raw_nuget_packages_rejected", gate="raw_nuget_packages"'
QUEUE = 'pkgintel_queue_length{{queue="{}"}}'.format
STOPPED = {ENABLED(name): "0x1600" for name in beat.NAMES}
IDLE = {f'pkgintel_running_pages{{action="scan", {RUN}, state="{state}"}}': "" for state in ("done", "failed", "left")}
LICENSES = 'pkgintel_license_changes{from="open_source", to="proprietary"}'
TEXTS = "pkgintel_text_changes"
VERDICTS = 'pkgintel_verdict_changes{from="open_source", to="none"}'
NEW = {  # A deployment of this minute: nothing stored, both schedules stopped, no worker needed yet.
    **STOPPED, **IDLE, SILENT: "", "pkgintel_workers": "0x1600", "pkgintel_upkeep_timestamp_seconds": "",
    **{name(asset): "0x1600" for asset in ASSETS for name in (FRESH, DUE)},
}  # fmt: skip
# Of each rule: how the recorded series differ when it has to fire ("" is absent), and the labels of the alert.
FIRES: dict[str, tuple[Series, dict[str, str]]] = {
    "PkgintelMetricsAbsent": ({"pkgintel_up": ""}, {}),
    "PkgintelDatabaseDown": ({"pkgintel_up": "0x1600"}, {}),
    "PkgintelBrokerDown": ({"pkgintel_broker_up": "0x1600"}, {}),
    "PkgintelGateClosed": ({f"pkgintel_check_passed{{{FLOOR}}}": "0x1600"}, {"check": "raw_spdx_licenses_osi_floor"}),
    "PkgintelTextsHeldBack": ({f"pkgintel_check_passed{{{ALIKE}}}": "0x1600"}, {"check": "raw_license_texts_alike"}),
    "PkgintelAssetStale": ({FRESH("raw_nuget_packages"): "0x1600"}, {"asset": "raw_nuget_packages"}),
    "PkgintelCatalogLag": ({"pkgintel_catalog_lag_seconds": "90000x1600"}, {}),
    "PkgintelRunFailed": ({'pkgintel_last_run_bad{source="nuget"}': "1x1600"}, {"source": "nuget"}),
    "PkgintelRunStuck": ({SILENT: "700+60x1600"}, {"run": "7", "source": "nuget", "action": "scan"}),
    "PkgintelPagesFailing": ({'pkgintel_pages_total{outcome="failed"}': "0+1x1600"}, {"outcome": "failed"}),
    "PkgintelLeavesRejected": ({"pkgintel_rejected_leaves": "2x1600"}, {}),
    "PkgintelTickLate": ({LATE: "700+60x1600"}, {"schedule": "nuget"}),
    "PkgintelScheduleStopped": ({ENABLED("nuget"): "0x1600"}, {"schedule": "nuget"}),
    "PkgintelUpkeepSilent": ({"pkgintel_upkeep_timestamp_seconds": "0x1600"}, {}),
    "PkgintelNoWorker": ({"pkgintel_workers": "0x1600"}, {}),
    "PkgintelStrays": ({"pkgintel_strays_total": "0+1x1600"}, {}),
    "PkgintelControlQueueWaits": ({QUEUE("ops"): "500x1600"}, {"queue": "ops"}),
    "PkgintelUpstreamTrouble": ({ANSWERS("2xx"): "0+79x1600", ANSWERS("5xx"): "0+21x1600"}, {}),
    "PkgintelLicenseLeftOpenSource": ({LICENSES: "5x150 6x100"}, {"from": "open_source", "to": "proprietary"}),
    "PkgintelLicenseTextChanged": ({TEXTS: "2x150 3x100"}, {}),
    "PkgintelVerdictLeftOpenSource": ({VERDICTS: "_x150 1x100"}, {"from": "open_source", "to": "none"}),
}
# What comes near to a rule, and must wake nobody by it. Those of DAYS have a sample every ten minutes, not every one.
NEAR: dict[str, list[Series]] = {
    "PkgintelMetricsAbsent": [{"pkgintel_up": "1x115 _x5 1x1600"}],
    "PkgintelDatabaseDown": [{"pkgintel_up": "1x117 0x3 1x1600"}],
    "PkgintelBrokerDown": [{"pkgintel_broker_up": "1x117 0x3 1x1600"}],
    "PkgintelGateClosed": [{f"pkgintel_check_passed{{{one}}}": "0x1600"} for one in (WARNS, ALIKE)],
    "PkgintelTextsHeldBack": [{f"pkgintel_check_passed{{{one}}}": "0x1600"} for one in (WARNS, FLOOR)],
    "PkgintelAssetStale": [NEW, {FRESH("raw_nuget_packages"): "1x110 0x10 1x1600"}],
    "PkgintelCatalogLag": [{"pkgintel_catalog_lag_seconds": "80000x1600"}],
    "PkgintelRunFailed": [{'pkgintel_last_run_bad{source="nuget"}': "0x110 1x10 0x1600"}],
    "PkgintelRunStuck": [{SILENT: "500x1600"}],
    "PkgintelPagesFailing": [{'pkgintel_pages_total{outcome="failed"}': "7x1600"}],
    "PkgintelLeavesRejected": [{"pkgintel_rejected_leaves": "0x100 2x20 0x1600"}],
    "PkgintelTickLate": [{LATE: "500x1600"}, {LATE: "700+60x1600", ENABLED("nuget"): "0x1600"}],
    "PkgintelScheduleStopped": [{ENABLED("nuget"): "1x20 0x130 1x1600"}],
    "PkgintelUpkeepSilent": [{"pkgintel_upkeep_timestamp_seconds": "0x1600", **STOPPED}, NEW],
    "PkgintelNoWorker": [{"pkgintel_workers": "0x1600", **STOPPED, **IDLE}, NEW, {QUEUE("pages"): "5000x1600"}],
    "PkgintelStrays": [{"pkgintel_strays_total": "3x1600"}],
    "PkgintelControlQueueWaits": [{QUEUE("pages"): "5000x1600", QUEUE("replays"): "5000x1600"}],
    # An answer that is no JSON is among the 2xx, an error is counted once: 19 of 100 are no fifth.
    "PkgintelUpstreamTrouble": [
        {ANSWERS("2xx"): "0+81x1600", ANSWERS("5xx"): "0+19x1600"},
        {ANSWERS("2xx"): "0+100x1600", ANSWERS("not-json"): "0+19x1600"},
    ],
    "PkgintelLicenseLeftOpenSource": [
        {LICENSES: "5x10 _x3 5x1600", "pkgintel_up": "1x10 0x3 1x1600"},
        {LICENSES: "5x1600"},
    ],
    "PkgintelLicenseTextChanged": [{TEXTS: "2x1600"}],
    "PkgintelVerdictLeftOpenSource": [
        {VERDICTS: "5x10 _x3 5x1600", "pkgintel_up": "1x10 0x3 1x1600"},
        {'pkgintel_verdict_changes{from="unknown", to="proprietary"}': "0+1x1600"},
    ],
}  # fmt: skip
DAYS = {
    "PkgintelScheduleStopped",
    "PkgintelLicenseLeftOpenSource",
    "PkgintelVerdictLeftOpenSource",
    "PkgintelLicenseTextChanged",
}


@pytest.mark.parametrize("minutes", [1, 10])
def test_each_alert_fires_when_it_should_and_none_when_all_is_well(tmp_path: Path, minutes: int) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian's package prometheus has it)")
    assert set(FIRES) == set(NEAR) == set(rules())
    of = Cases(minutes)
    tests = [of.one(alert, *fires) for alert, fires in FIRES.items() if (alert in DAYS) == of.days]
    tests += [of.one(alert, near) for alert, all_ in NEAR.items() if (alert in DAYS) == of.days for near in all_]
    tests.append(of.all({}, "count(ALERTS) or vector(0)"))
    tests.append(of.all(NEW, 'count(ALERTS{severity="page"}) or vector(0)'))
    file = tmp_path / "alerts_test.yml"  # JSON is YAML too.
    file.write_text(
        json.dumps({"rule_files": [str(ALERTS)], "evaluation_interval": f"{minutes}m", "tests": tests}),
    )
    for command in (["check", "rules", str(ALERTS)], ["test", "rules", str(file)]):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


class Cases:
    """Cases for promtool, of two hours with a sample each minute, or of a day and a bit with fewer."""

    def __init__(self, minutes: int) -> None:
        self.days = minutes > 1
        self._minutes = minutes
        self._time = "26h" if self.days else "2h"

    def one(self, alert: str, changed: Series, labels: dict[str, str] | None = None) -> dict[str, object]:
        """What one rule names, changed; whether its alert fires then, with such labels, or not at all."""
        told = "".join(f', {name}="{value}"' for name, value in (labels or {}).items())
        count = f'count(ALERTS{{alertname="{alert}", alertstate="firing"{told}}}) or vector(0)'
        return self._case([rules()[alert]], changed, count, int(labels is not None))

    def all(self, changed: Series, count: str) -> dict[str, object]:
        """What all rules name, changed; `count` finds nothing."""
        return self._case(rules().values(), changed, count, 0)

    def _case(self, rules: Iterable[str], changed: Series, count: str, expected: int) -> dict[str, object]:
        assert set(changed) <= set(recorded()), set(changed) - set(recorded())
        series = {name: values for name, values in (well(rules, self._minutes) | changed).items() if values}
        sample = {"labels": "{}", "value": expected}
        return {
            "interval": f"{self._minutes}m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [{"expr": count, "eval_time": self._time, "exp_samples": [sample]}],
        }
