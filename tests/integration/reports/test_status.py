"""`pkgintel status`: it tells the truth from Postgres alone, and says what to do."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from click.testing import CliRunner
from rich.console import Console

from pkgintel import database
from pkgintel.cli import status as command
from pkgintel.cli.status_screen import screen
from pkgintel.pipeline import gate, heartbeats, runs
from pkgintel.pipeline.checks import Result, negatives, reject_limit
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.reports import assets, crew, status
from pkgintel.reports.crew import NOT_ASKED, Crew
from pkgintel.reports.status import Status
from pkgintel.settings import Settings
from pkgintel.tasks import recovery
from pkgintel.text import many
from tests.integration.reports.test_why import claim, judge, take
from tests.support.catalogs import details

KEYS = {
    "healthy", "assets", "lag_seconds", "watermark", "run", "checks", "rejected_leaves", "schedules", "workers",
    "queues",
}  # fmt: skip
ASSETS = ["raw_nuget_packages", "raw_spdx_licenses", "raw_license_texts", "enriched_nuget_package_oss_status"]


def run_of(conn: database.Connection, source: str, state: str = "done", ago: float = 60, **columns: Any) -> int:
    """A run that ended `ago` seconds back (or is running since then), with everything behind it settled."""
    action = {"nuget": "scan", "spdx": "sync", "verdicts": "classify", "texts": "fetch"}[source]
    values = {"source": source, "action": action, "kind": "manual", "state": state} | columns
    names = ", ".join(values)
    marks = ", ".join(f"%({name})s" for name in values)
    times = "now() - make_interval(secs => %(ago)s)"
    finished = "NULL" if state == "running" else times
    row = conn.execute(
        f"INSERT INTO ops.runs ({names}, started_at, finished_at, settled_at) "  # noqa: S608
        f"VALUES ({marks}, {times}, {finished}, {times}) RETURNING id",
        values | {"ago": ago},
    ).fetchone()
    assert row is not None
    return int(row["id"])


@pytest.fixture
def healthy(conn: database.Connection, settings: Settings) -> database.Connection:
    """A database after one good pass of everything: one package, one verdict, every check measured."""
    claim(conn)
    take(conn, details("Acme", "1.0.0", 10_000_000, licenseExpression="MIT"))
    judge(conn, settings)
    conn.execute(
        "INSERT INTO ops.watermarks (source, watermark_ticks, origin_ticks) VALUES ('nuget', 17145216000000000, 0)"
    )
    for source in ("spdx", "nuget", "verdicts"):
        run_of(conn, source)
    conn.execute("UPDATE ops.runs SET newest_ticks = 17145216300000000 WHERE source = 'nuget'")
    gate.record(
        conn,
        [
            Result(result.name, result.gate, result.blocking, True, result.value, result.threshold, result.message)
            for name in ASSETS
            for result in gate.measure(conn, settings, name)
        ],
        None,
    )
    return conn


def report(conn: database.Connection, settings: Settings, asked: dict[str, Any] | None = None) -> dict[str, Any]:
    """What `pkgintel status --json` prints, where the crew answered as `asked`."""
    return status.report(conn, settings, Crew.model_validate(asked) if asked else NOT_ASKED).as_json()


def shown(found: dict[str, Any], width: int = 80) -> str:
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(screen(Status.model_validate(found)))
    text = capture.get()
    assert max(map(len, text.splitlines())) <= width
    return text


def because(found: dict[str, Any]) -> str:
    """Why it is not healthy, in one line."""
    assert found["healthy"] is False
    return " ".join(found["unhealthy_because"])


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


@pytest.mark.parametrize("state", ["failed", "lost", "blocked"])
def test_a_last_run_that_went_wrong_is_told_with_its_reason(
    healthy: database.Connection, settings: Settings, state: str
) -> None:
    run_of(healthy, "spdx", state, ago=1, error="the list could not be fetched")
    found = report(healthy, settings)
    number = healthy.execute("SELECT max(id) AS id FROM ops.runs WHERE state = %s", [state]).fetchone() or {}
    assert f"`pkgintel runs resume {number['id']}`" in because(found)
    assert f"ended {state}: the list could not be fetched." in because(found)
    assert "the list could not be fetched" in shown(found, 200)
    run_of(healthy, "spdx", "aborted", ago=0)
    run_of(healthy, "spdx", "skipped", ago=0)
    assert report(healthy, settings)["healthy"] is False, "neither heals it"
    running = runs.open_run(healthy, Source.SPDX, Action.SYNC, Kind.MANUAL)
    assert f"Run {running} is trying again now" in because(report(healthy, settings))
    runs.end(healthy, running, State.DONE)
    assert report(healthy, settings)["healthy"] is True
    run_of(healthy, "texts", state, ago=0, error="no host answered")
    assert f"(texts fetch) ended {state}: no host answered." in because(report(healthy, settings))


def test_a_failed_replay_is_shown_and_wakes_nobody(healthy: database.Connection, settings: Settings) -> None:
    run_of(healthy, "nuget", "failed", ago=1, action="replay", error="the page is gone")
    found = report(healthy, settings)
    assert found["healthy"] is True
    assert "the page is gone" in shown(found)


def test_a_run_in_progress_is_counted_from_its_pages(healthy: database.Connection, settings: Settings) -> None:
    run = run_of(healthy, "nuget", "running", ago=100, pages_total=4)
    run_of(healthy, "nuget", "running", ago=50, action="replay", pages_total=1)
    healthy.execute(
        """
        INSERT INTO ops.run_pages (run_id, page_url, state, wanted, fetched, leaves, error) VALUES
        (%(run)s, 'page0', 'done', 200, 200, 200, NULL), (%(run)s, 'page1', 'pending', 200, 100, 0, NULL),
        (%(run)s, 'page2', 'failed', 200, 0, 0, 'it answered 500'), (%(run)s, 'page3', 'pending', NULL, 0, 0, NULL)
        """,
        {"run": run},
    )
    found = report(healthy, settings)
    assert found["healthy"] is True
    now = found["run"]
    assert (now["id"], now["pages_total"], now["pages_done"], now["pages_failed"], now["pages_left"]) == (
        run,
        4,
        1,
        1,
        2,
    )
    assert (now["leaves"], now["lost"]) == (300, False)
    assert now["rate"] == pytest.approx(3, rel=0.05)
    assert now["seconds_left"] == pytest.approx(60, abs=3), "100 s for two and a half of four pages"
    assert [replay["action"] for replay in found["replays"]] == ["replay"]
    text = shown(found)
    assert "1 of 4 pages, 1 failed, 2 to do" in text
    assert "it answered 500" in text


def test_a_silent_run_is_lost(healthy: database.Connection, settings: Settings) -> None:
    run = run_of(healthy, "nuget", "running", ago=400)
    healthy.execute("UPDATE ops.runs SET heartbeat_at = now() - interval '300 s' WHERE id = %s", (run,))
    found = report(healthy, settings)
    assert found["run"]["lost"] is True
    assert f"Run {run} (nuget scan) is lost: it gave no sign of life for 5 min" in because(found)
    assert found["run"]["seconds_left"] is None
    assert "`make up`" in because(found)
    assert "LOST" in shown(found)


def test_no_time_is_reckoned_for_a_run_that_stands_still(healthy: database.Connection, settings: Settings) -> None:
    run = run_of(healthy, "nuget", "running", ago=100, pages_total=2)
    healthy.execute(
        "INSERT INTO ops.run_pages (run_id, page_url, state, leaves, finished_at) VALUES (%s, 'p', 'done', 9, now())",
        (run,),
    )
    assert report(healthy, settings)["run"]["seconds_left"] is not None
    healthy.execute("UPDATE ops.runs SET heartbeat_at = now() - interval '40 s' WHERE id = %s", (run,))
    found = report(healthy, settings)
    assert (found["healthy"], found["run"]["lost"], found["run"]["seconds_left"]) == (True, False, None)
    assert "(last sign of life 40 s ago)" in shown(found)
    heartbeats.expect(healthy, run, 30, "UpstreamUnavailable: 503")
    found = report(healthy, settings)
    assert found["run"]["seconds_left"] is None
    assert "(0 s): UpstreamUnavailable: 503; next try in 30 s" in shown(found, width=200)
    healthy.execute("UPDATE ops.run_pages SET finished_at = now() + interval '1 s' WHERE run_id = %s", (run,))
    assert report(healthy, settings)["run"]["retry"] is None, "a page came to its end since"


def test_a_run_whose_gate_never_came_is_told(healthy: database.Connection, settings: Settings) -> None:
    healthy.execute(
        "UPDATE ops.runs SET settled_at = NULL, heartbeat_at = now() - interval '10 min' WHERE source = 'nuget'"
    )
    assert "did not come through within 2 min" in because(report(healthy, settings))


def test_rejected_leaves_are_counted_and_shown(healthy: database.Connection, settings: Settings) -> None:
    healthy.execute(
        """
        INSERT INTO ops.rejected_leaves (leaf_url, package_id, version, kind, commit_ticks, page_url, reason, error)
        SELECT 'u' || n, E'Bad\\x1b[2J' || n, '1.0', 'details', n, 'p', 'schema', 'version is missing'
        FROM generate_series(1, 9) AS n
        """
    )
    healthy.execute("UPDATE ops.rejected_leaves SET resolved_at = now(), resolution = 'replayed' WHERE leaf_url = 'u1'")
    found = report(healthy, settings)
    assert found["rejected_leaves"] == 8
    assert [leaf["leaf_url"] for leaf in found["rejected_examples"]] == ["u9", "u8", "u7"]
    text = shown(found)
    assert "version is missing" in text
    assert "\x1b" not in text


def test_schedules_ship_stopped(healthy: database.Connection, settings: Settings) -> None:
    found = report(healthy, settings)
    nuget, spdx = found["schedules"]["nuget"], found["schedules"]["spdx"]
    assert (nuget["cron"], spdx["cron"]) == ("0 */6 * * *", "0 6 * * 1")
    assert (nuget["enabled"], nuget["last_tick"], nuget["next_tick"]) == (False, None, None)
    assert "All schedules are stopped" in found["notes"][0]


def test_an_enabled_schedule_without_beat_is_found(healthy: database.Connection, settings: Settings) -> None:
    database.run(healthy, "schedules/switch", name="nuget", enabled=True, by="ann")
    found = report(healthy, settings)
    assert found["healthy"] is True, "it was enabled just now"
    assert found["schedules"]["nuget"]["next_tick"] > found["as_of"]
    assert found["schedules"]["nuget"]["changed_by"] == "ann"
    healthy.execute("UPDATE ops.check_results SET checked_at = now() - interval '1 h'")
    healthy.execute("UPDATE ops.schedules SET changed_at = now() - interval '1 h' WHERE enabled")
    assert "Upkeep, recorded every minute, last came through 60 min ago" in because(report(healthy, settings))
    healthy.execute("DELETE FROM ops.check_results WHERE name LIKE '%%_fresh'")
    assert "Upkeep, recorded every minute, never came through" in because(report(healthy, settings))


def test_a_tick_that_did_not_come_is_found(healthy: database.Connection, settings: Settings) -> None:
    healthy.execute("UPDATE ops.schedules SET enabled = true, changed_at = now() - interval '8 h' WHERE name = 'nuget'")
    found = report(healthy, settings)
    assert found["schedules"]["nuget"]["late_seconds"] >= 3600, "it comes every six hours"
    assert "The nuget tick is" in because(found)
    assert "pkgintel schedule run-now nuget" in because(found)
    run_of(healthy, "nuget", "done", ago=0, kind="scheduled")
    found = report(healthy, settings)
    assert found["healthy"] is True
    assert found["schedules"]["nuget"]["last_result"] == "done"


def test_no_worker_is_wrong_only_where_one_is_needed(healthy: database.Connection, settings: Settings) -> None:
    idle = {"workers": [], "queues": {"ops": 0, "pages": 0}}
    assert report(healthy, settings, idle)["healthy"] is True
    waiting = {"workers": [], "queues": {"ops": 1, "pages": 41}}
    found = report(healthy, settings, waiting)
    assert "42 tasks are waiting" in because(found)
    assert "none answers" in shown(found)
    busy = {"workers": [{"name": "celery@here", "processes": 2}], "queues": {"ops": 1, "pages": 41}}
    assert report(healthy, settings, busy)["healthy"] is True


def test_the_crew_is_asked_and_may_be_unknown(settings: Settings) -> None:
    found = crew.ask(settings, timeout=0.2).as_json()
    assert found["workers"] == []
    assert found["queues"] == {"ops": 0, "catalog": 0, "pages": 0, "replays": 0, "verdicts": 0}
    dead = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    found = crew.ask(dead, timeout=0.2).as_json()
    assert found["workers"] == found["queues"] == "unknown"
    assert "Redis does not answer" in found["crew_unknown_because"]


def test_a_redis_that_takes_no_writes_is_wrong_though_it_answers(
    healthy: database.Connection, settings: Settings, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.execute_command("ACL", "SETUSER", "onlooker", "on", ">s3cret", "~*", "&*", "+@all", "-@write")
    try:
        parts = urlsplit(redis_url)
        url = parts._replace(netloc=f"onlooker:s3cret@{parts.hostname}:{parts.port}").geturl()
        asked = crew.ask(settings.model_copy(update={"redis_url": url}), timeout=0.2)
    finally:
        with redis.Redis.from_url(redis_url) as client:
            client.execute_command("ACL", "DELUSER", "onlooker")
    assert str(asked.crew_unknown_because).startswith("Redis takes no writes: ")
    found = report(healthy, settings, asked.as_json())
    assert "Make room on its disk, or see PKGINTEL_REDIS_URL" in because(found)
    assert "s3cret" not in because(found)


def test_an_unknown_crew_matters_where_ticks_are_expected(healthy: database.Connection, settings: Settings) -> None:
    unknown = {"workers": "unknown", "queues": "unknown", "crew_unknown_because": "Redis does not answer: refused"}
    found = report(healthy, settings, unknown)
    assert found["healthy"] is True
    assert "unknown (Redis does not answer: refused)" in shown(found)
    database.run(healthy, "schedules/switch", name="nuget", enabled=True, by="ann")
    assert "Start Redis" in because(report(healthy, settings, unknown))


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
