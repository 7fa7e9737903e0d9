"""`pkgintel status`: it tells the truth from Postgres alone, and says what to do."""

import json

import pytest
from click.testing import CliRunner

from pkgintel import database
from pkgintel.cli import status as command
from pkgintel.pipeline import gate
from pkgintel.pipeline.checks import negatives, reject_limit
from pkgintel.reports import assets, status
from pkgintel.reports.status import Status
from pkgintel.settings import Settings
from pkgintel.tasks import recovery
from pkgintel.text import many
from tests.support.catalogs import details
from tests.support.reports import because, report, run_of, shown
from tests.support.stored import judge, take

KEYS = {
    "healthy", "assets", "lag_seconds", "watermark", "run", "checks", "rejected_leaves", "schedules", "workers",
    "queues",
}  # fmt: skip
ASSETS = ["raw_nuget_packages", "raw_spdx_licenses", "raw_license_texts", "enriched_nuget_package_oss_status"]


@pytest.mark.parametrize(("number", "says"), [(0, "0 leaves"), (1, "1 leaf"), (2, "2 leaves"), (1309, "1,309 leaves")])
def test_one_is_not_many(number: int, says: str) -> None:
    assert many(number, "leaf", "leaves") == says
    assert many(number, "page") == says.replace("leaves", "pages").replace("leaf", "page")


def test_a_database_that_never_ran_anything_is_stale_and_says_what_to_do(
    conn: database.Connection, settings: Settings
) -> None:
    found = report(conn, settings)
    assert set(found) >= KEYS
    assert list(found["assets"]) == ASSETS
    for asset in found["assets"].values():
        assert (asset["rows"], asset["last_success"], asset["age_seconds"]) == (0, None, None)
        assert (asset["fresh"], asset["blocked"]) == (False, False)
    assert (found["run"], found["watermark"], found["lag_seconds"]) == (None, None, None)
    assert (found["catalog"], found["rejected_leaves"], found["last_runs"]) == (None, 0, [])
    assert "`pkgintel run`" in because(found)
    assert "`pkgintel schedule enable nuget`" in because(found)
    assert len(found["unhealthy_because"]) == 1
    assert "never" in shown(found)
    assert "STALE" not in shown(found), "it is empty"


def test_a_good_pass_is_healthy(healthy: database.Connection, settings: Settings) -> None:
    found = report(healthy, settings)
    assert found["unhealthy_because"] == []
    assert found["healthy"] is True
    rows = {name: asset["rows"] for name, asset in found["assets"].items()}
    assert rows == dict(zip(ASSETS, (1, 2, 0, 1), strict=True))
    assert [asset["threshold_seconds"] for asset in found["assets"].values()] == [43_200, 864_000, 864_000, 86_400]
    assert found["watermark"] == "2024-05-01T00:00:00Z"
    assert found["newest_upstream_commit"] == "2024-05-01T00:00:30Z"
    assert found["lag_seconds"] == 30
    assert found["verdicts"]["open_source"] == {"packages": 1, "share": 1.0}
    assert found["workers"] == found["queues"] == "unknown"
    assert {check["name"] for check in found["checks"] if not check["passed"]} == set()
    assert len(found["checks"]) == 13
    assert json.loads(json.dumps(found)) == found
    text = shown(found)
    assert "pkgintel is HEALTHY" in text
    assert "30 s behind upstream" in text
    assert len(text.splitlines()) < 45, "it is one screen"


def test_a_scan_that_found_nothing_new_has_no_lag(healthy: database.Connection, settings: Settings) -> None:
    run_of(healthy, "nuget", "caught_up", ago=5)
    found = report(healthy, settings)
    assert found["lag_seconds"] == 0
    assert found["newest_upstream_commit"] == found["watermark"]


def test_freshness_is_of_now_whatever_was_recorded(healthy: database.Connection, settings: Settings) -> None:
    healthy.execute(
        "UPDATE ops.runs SET started_at = started_at - interval '13 h', finished_at = finished_at - interval '13 h'"
    )
    found = report(healthy, settings)
    assert [asset["fresh"] for asset in found["assets"].values()] == [False, True, False, True]
    fresh = next(check for check in found["checks"] if check["name"] == "raw_nuget_packages_fresh")
    assert (fresh["passed"], fresh["threshold"]) == (False, 43_200)
    assert "raw_nuget_packages is stale: it last succeeded 13 h ago" in because(found)
    assert "`pkgintel schedule enable nuget`" in because(found)
    assert "STALE" in shown(found)


def test_license_texts_that_were_never_read_are_nothing_wrong_and_old_ones_are_stale(
    healthy: database.Connection, settings: Settings
) -> None:
    assert report(healthy, settings)["healthy"], "their schedule is shipped stopped"
    run_of(healthy, "texts", ago=9 * 86_400)
    assert report(healthy, settings)["assets"]["raw_license_texts"]["fresh"]
    healthy.execute("UPDATE ops.runs SET finished_at = finished_at - interval '2 days' WHERE source = 'texts'")
    found = report(healthy, settings)
    assert not found["assets"]["raw_license_texts"]["fresh"]
    assert "raw_license_texts is stale: it last succeeded 11 d ago" in because(found)
    assert "`pkgintel schedule enable texts`" in because(found)
    sooner = settings.model_copy(update={"fresh_texts": 12 * 86_400.0})
    assert report(healthy, sooner)["healthy"], "PKGINTEL_FRESH_TEXTS is what counts"
    stale = recovery.record_freshness(healthy, settings)
    assert stale == ["raw_license_texts_fresh"], "upkeep records it"


def test_the_gate_of_the_texts_holds_nothing_back_but_texts_and_says_what_opens_it(
    healthy: database.Connection, settings: Settings
) -> None:
    gate.record(healthy, [negatives(3)], None)
    found = report(healthy, settings)
    assert [asset["blocked"] for asset in found["assets"].values()] == [False, False, True, False]
    assert "3 made-up texts that are no license are read as one" in because(found)
    assert "install another one" in because(found)
    assert gate.closed(healthy, settings) == [], "so the classifier goes on"


def test_a_closed_gate_blocks_its_table_and_the_verdicts(healthy: database.Connection, settings: Settings) -> None:
    gate.record(healthy, [reject_limit(50, 100, 0.01)], None)
    run_of(
        healthy,
        "nuget",
        "blocked",
        ago=1,
        error="Gate raw_nuget_packages is closed. " + reject_limit(50, 100, 0.01).message + ".",
    )
    found = report(healthy, settings)
    assert [asset["blocked"] for asset in found["assets"].values()] == [True, False, False, True]
    assert len(found["unhealthy_because"]) == 1, "the check and the run that it blocked are one thing to do"
    assert "50 of 100 leaves were rejected (50.00%)" in because(found)
    assert "pkgintel reprocess --rejected" in because(found)
    assert "BLOCKED" in shown(found)


def test_large_tables_are_estimated(
    healthy: database.Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(healthy, *(details(f"P{n}", "1.0.0", n + 1, licenseExpression="MIT") for n in range(30)))
    judge(healthy, settings)
    healthy.execute("ANALYZE")
    healthy.execute("DELETE FROM raw.nuget_packages WHERE package_key = 'p1'")  # The estimate does not know yet.
    monkeypatch.setattr(assets, "COUNTED", 10)
    found = report(healthy, settings)
    assert (found["assets"][ASSETS[0]]["rows"], found["assets"][ASSETS[0]]["rows_exact"]) == (31, False)
    assert (found["assets"][ASSETS[1]]["rows"], found["assets"][ASSETS[1]]["rows_exact"]) == (2, True)
    assert "~31" in shown(found)


def test_the_command_exits_as_documented(healthy: database.Connection, settings: Settings) -> None:
    done = CliRunner().invoke(command.command, ["--json"])
    assert done.exit_code == 0
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert set(found) >= KEYS
    assert found["workers"] == []
    assert CliRunner().invoke(command.command, []).exit_code == 0
    run_of(healthy, "nuget", "failed", ago=0)
    done = CliRunner().invoke(command.command, [])
    assert done.exit_code == 1
    assert "NOT HEALTHY" in done.stdout
    assert CliRunner().invoke(command.command, ["--json", "--watch"]).exit_code == 2


def test_watching_outlives_a_lost_postgres(
    healthy: database.Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([True, database.ServiceUnavailable("Postgres cannot be reached"), True])

    def look(_: Settings) -> Status:
        found = next(looks, None)
        if found is None:
            raise KeyboardInterrupt
        if isinstance(found, Exception):
            raise found
        return status.report(healthy, settings)

    monkeypatch.setattr(command, "WATCH_EVERY", 0.0)
    monkeypatch.setattr(command, "look", look)
    done = CliRunner().invoke(command.command, ["--watch"])
    assert done.exit_code == 0, done.output
    assert "HEALTHY" in done.stdout
