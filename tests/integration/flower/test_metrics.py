"""Our metrics: what the exposition says of a database, and that every alert rule names what exists."""

import re
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pkgintel import database as db
from pkgintel.flower import metrics
from pkgintel.flower.look import Look, look
from pkgintel.flower.metrics import PkgintelCollector
from pkgintel.pipeline import runs
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.settings import Settings
from tests.support.checkout import CHECKOUT
from tests.support.patience import quick
from tests.support.processes import working_for

ALERTS = Path(metrics.__file__).with_name("alerts.yml")
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def exposed(found: Look) -> Samples:
    """The samples of a look, through the text format and back."""
    registry, collector = CollectorRegistry(), PkgintelCollector(lambda: found)
    registry.register(collector)
    collector.refresh()
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    """One sample."""
    return samples[f"pkgintel_{name}", frozenset(labels.items())]


def names(samples: Iterable[tuple[str, object]]) -> set[str]:
    """The names of samples."""
    return {name for name, _ in samples}


def fill(conn: db.Connection) -> None:
    """A scan that failed at a page, one in progress, a check that blocks, a rejected leaf, answers, an enabled tick."""
    run_id = runs.open_run(conn, Source.NUGET, Action.SCAN, Kind.MANUAL)
    db.run(
        conn,
        "pages/add",
        run_id=run_id,
        urls=["https://c.test/1", "https://c.test/2"],
        ticks=[1, 2],
        counts=[9, 9],
        kinds=["catalog"] * 2,
    )
    db.run(conn, "pages/finish", run_id=run_id, page_url="https://c.test/1", items=9, leaves=9, rejected=2, newest=1)
    db.run(conn, "pages/fail", run_id=run_id, page_url="https://c.test/2", state="failed", error="no")
    runs.end(conn, run_id, State.FAILED, error="no")
    conn.execute(
        """
        INSERT INTO ops.runs (source, kind, action, state, finished_at, newest_ticks, after_ticks, up_to_ticks)
        VALUES ('nuget', 'manual', 'scan', 'failed', now(), 17000000600000000, 0, 17000000000000000);
        INSERT INTO ops.watermarks (source, watermark_ticks, origin_ticks) VALUES ('nuget', 17000000000000000, 0);
        INSERT INTO ops.check_results (name, gate, blocking, passed, value, threshold, message)
        VALUES ('raw_spdx_licenses_osi_floor', 'raw_spdx_licenses', true, false, 7, 100, 'too few'),
               ('raw_nuget_packages_fresh', 'raw_nuget_packages', false, true, 1, 2, 'upkeep was here');
        INSERT INTO ops.rejected_leaves (leaf_url, package_id, version, kind, commit_ticks, page_url, reason, error)
        VALUES ('https://c.test/leaf', 'A', '1', 'details', 1, 'https://c.test/1', 'gone', '404');
        INSERT INTO ops.http_answers VALUES ('2xx', 90), ('5xx', 3);
        INSERT INTO enriched.verdict_changes (package_key, package_id, from_verdict, to_verdict, cause)
        VALUES ('a', 'A', 'open_source', 'proprietary', 'declaration'), ('b', 'B', 'open_source', NULL, 'deleted');
        INSERT INTO enriched.license_id_changes (package_key, package_id, from_version, to_version, from_verdict,
            to_verdict, from_rule, to_rule, from_ids, to_ids, from_declaration, to_declaration, sort_key, released_at)
        VALUES ('a', 'A', '1', '2', 'open_source', 'open_source', 'expression-open', 'expression-open', '{Apache-2.0}',
                '{RPL-1.5}', '{}', '{}', '', now());
        UPDATE ops.schedules SET enabled = true, changed_at = now() - interval '3 days' WHERE name = 'nuget'
        """
    )
    running = runs.open_run(conn, Source.NUGET, Action.SCAN, Kind.MANUAL)
    db.run(conn, "pages/add", run_id=running, urls=["https://c.test/3"], ticks=[3], counts=[9], kinds=["catalog"])
    conn.execute("UPDATE ops.runs SET pages_total = 1 WHERE id = %s", (running,))


def test_an_empty_database_is_up_and_has_no_watermark(settings: Settings) -> None:
    samples = exposed(look())
    assert value(samples, "up") == value(samples, "broker_up") == 1
    assert value(samples, "healthy") == 0
    assert "pkgintel_watermark_age_seconds" not in names(samples)
    assert value(samples, "schedule_enabled", schedule="nuget") == 0
    assert value(samples, "pages_total", outcome="done") == 0
    assert value(samples, "queue_length", queue="pages") == 0


def test_what_is_stored_is_told(settings: Settings, conn: db.Connection) -> None:
    fill(conn)
    samples = exposed(look())
    assert value(samples, "pages_total", outcome="done") == value(samples, "pages_total", outcome="failed") == 1
    assert value(samples, "leaves_total", outcome="stored") == 7
    assert value(samples, "leaves_total", outcome="rejected") == 2
    assert value(samples, "runs", source="nuget", action="scan", state="failed") == 2
    assert value(samples, "last_run_bad", source="nuget") == 1
    assert value(samples, "last_run_bad", source="spdx") == 0
    floor = {"check": "raw_spdx_licenses_osi_floor", "gate": "raw_spdx_licenses", "blocking": "true"}
    assert [value(samples, f"check_{key}", **floor) for key in ("value", "threshold", "passed")] == [7, 100, 0]
    assert value(samples, "asset_blocked", asset="raw_spdx_licenses") == 1
    assert value(samples, "rejected_leaves") == 1
    assert value(samples, "catalog_lag_seconds") == 60
    assert value(samples, "watermark_timestamp_seconds") == 1_700_000_000
    assert value(samples, "http_answers_total", kind="5xx") == 3
    assert value(samples, "verdict_changes", **{"from": "open_source", "to": "proprietary"}) == 1
    assert value(samples, "verdict_changes", **{"from": "open_source", "to": "none"}) == 1
    assert value(samples, "license_changes", **{"from": "open_source", "to": "open_source"}) == 1
    assert value(samples, "schedule_enabled", schedule="nuget") == 1
    assert value(samples, "schedule_late_seconds", schedule="nuget") > 86_400


def test_a_database_that_is_down_is_an_answer(redis_url: str) -> None:
    with working_for(quick("postgresql://nobody@127.0.0.1:1/none", redis_url)):
        samples = exposed(look())
    assert value(samples, "up") == 0
    assert value(samples, "broker_up") == 1
    assert "pkgintel_healthy" not in names(samples)


def test_a_schema_that_is_behind_is_down(settings: Settings, conn: db.Connection) -> None:
    conn.execute("DELETE FROM public.pkgintel_migrations")
    assert value(exposed(look()), "up") == 0


def test_redis_down_leaves_the_rest(database: str) -> None:
    with working_for(quick(database)):
        samples = exposed(look())
    assert value(samples, "up") == 1
    assert value(samples, "broker_up") == 0
    assert "pkgintel_queue_length" not in names(samples)


def test_collecting_asks_nobody() -> None:
    def never() -> Look:
        raise AssertionError("asked")

    registry = CollectorRegistry()
    registry.register(PkgintelCollector(never))
    assert b"pkgintel_up 0.0" in generate_latest(registry)


def test_every_metric_is_in_the_glossary(settings: Settings, conn: db.Connection) -> None:
    fill(conn)
    conn.execute(
        """
        INSERT INTO ops.runs (source, kind, action, state, finished_at)
        VALUES ('spdx', 'manual', 'sync', 'done', now());
        UPDATE ops.schedules SET last_tick = now()
        """
    )
    glossary = (CHECKOUT / "docs" / "glossary.md").read_text()
    assert set(re.findall(r"^\| `(pkgintel_\w+)` \|", glossary, re.MULTILINE)) == names(exposed(metrics.look()))


def test_names_and_units_are_those_of_the_conventions(settings: Settings, conn: db.Connection) -> None:
    fill(conn)
    text = generate_latest(_registry()).decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    assert all(re.fullmatch(r"pkgintel_[a-z_]+", name) for name in kinds)
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in kinds.items())
    assert not [name for name in kinds if re.search(r"_(minutes|hours|days|ms|percent|count|sum)$", name)]
    assert set(re.findall(r"^# HELP (\S+) \S.*\.$", text, re.MULTILINE)) == set(kinds)


def _registry() -> CollectorRegistry:
    registry, collector = CollectorRegistry(), PkgintelCollector()
    registry.register(collector)
    collector.refresh()
    return registry


def rules() -> dict[str, str]:
    """Name and text of each alert rule."""
    parts = re.split(r"^ +- alert: ", ALERTS.read_text(), flags=re.MULTILINE)[1:]
    return {part.split("\n", 1)[0]: part for part in parts}


def test_every_alert_says_what_to_do_and_names_metrics_that_exist(settings: Settings, conn: db.Connection) -> None:
    fill(conn)
    known = names(exposed(look())) | {"flower_worker_online"}
    assert len(rules()) > 10
    for name, text in rules().items():
        assert name.startswith("Pkgintel"), name
        for part in ("expr: ", "severity: ", "summary: ", "description: "):
            assert text.count(part) == 1, (name, part)
        expression = text.split("labels:")[0]
        used = set(re.findall(r"\b(?:pkgintel|flower)_[a-z_]+", expression))
        assert used, name
        assert used <= known, name
