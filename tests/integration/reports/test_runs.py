"""`pkgintel runs`: listing, showing, aborting and resuming, against a real database and a real queue."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from click.testing import CliRunner

from pkgintel import database
from pkgintel.cli.runs import group
from pkgintel.errors import ServiceUnavailable, SettingsError
from pkgintel.pipeline import runs, scan
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.reports.runs import shown
from pkgintel.runtime import deployment
from pkgintel.settings import Settings
from pkgintel.tasks import base, recovery, workflow


@pytest.fixture
def queue(redis_url: str) -> Iterator["redis.Redis[Any]"]:
    """The Redis of this test."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def sent(queue: "redis.Redis[Any]") -> list[tuple[str, str]]:
    """Names and keyword arguments of the tasks that wait."""
    messages = [json.loads(text)["headers"] for name in ("catalog", "verdicts") for text in queue.lrange(name, 0, -1)]
    return [(headers["task"], headers["kwargsrepr"]) for headers in messages]


def begin(conn: database.Connection, pages: int = 3) -> int:
    """A running scan, its first page done and its second failed."""
    run_id = runs.open_run(conn, Source.NUGET, Action.SCAN, Kind.SCHEDULED, task_id="a-task")
    urls = [f"https://catalog.test/page{number}.json" for number in range(pages)]
    database.run(
        conn,
        "pages/add",
        run_id=run_id,
        urls=urls,
        ticks=list(range(pages)),
        counts=[9] * pages,
        kinds=["catalog"] * pages,
    )
    conn.execute("UPDATE ops.runs SET pages_total = %s WHERE id = %s", (pages, run_id))
    database.run(conn, "pages/start", run_id=run_id, page_url=urls[0], every=5)
    database.run(conn, "pages/finish", run_id=run_id, page_url=urls[0], items=7, leaves=7, rejected=1, newest=1)
    database.run(conn, "pages/fail", run_id=run_id, page_url=urls[1], state="failed", error="UpstreamUnavailable: 503")
    return run_id


def told(*arguments: str) -> str:
    """What the command prints, where it ends well."""
    result = CliRunner().invoke(group, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_nothing_has_run(settings: Settings) -> None:
    assert told() == "No run is recorded yet.\n"
    assert json.loads(told("--json")) == {"runs": []}


def test_a_running_run_is_listed_with_how_far_it_is(settings: Settings, conn: database.Connection) -> None:
    run_id = begin(conn)
    listed = json.loads(told("--json"))["runs"]
    assert [run["id"] for run in listed] == [run_id]
    keys = ("source", "action", "kind", "state", "pages_total", "pages_done", "pages_failed", "leaves", "rejected")
    assert [listed[0][key] for key in keys] == ["nuget", "scan", "scheduled", "running", 3, 1, 1, 7, 1]
    assert "1/3 (1 failed)" in told()
    assert json.loads(told("--json", "--state", "done")) == {"runs": []}


def test_a_run_is_shown_with_pages_gates_and_what_came_of_it(settings: Settings, conn: database.Connection) -> None:
    run_id = begin(conn)
    scan.fail(conn, run_id, "not used", base.TRIES)
    facts = {"name": "some_check", "gate": "a_gate", "blocking": True, "passed": False, "value": 1, "threshold": 2}
    database.run(conn, "checks/record", **facts, message="some_check: 1 and at least 2", run_id=run_id)
    runs.open_run(conn, Source.VERDICTS, Action.CLASSIFY, Kind.MANUAL, cause_id=run_id)
    shown = json.loads(told("show", str(run_id), "--json"))
    assert [page["state"] for page in shown["pages"]] == ["failed", "pending", "done"]
    assert [check["name"] for check in shown["checks"]] == ["some_check"]
    assert [came["source"] for came in shown["triggered"]] == ["verdicts"]
    words = told("show", str(run_id))
    for part in ("failed", "503", "FAILED", "some_check: 1 and at least 2", f"runs resume {run_id}", "page1.json"):
        assert part in words


def test_an_aborted_run_makes_room_for_the_next(settings: Settings, conn: database.Connection) -> None:
    run_id = begin(conn)
    assert f"run {run_id} is aborted" in told("abort", str(run_id), "--why", "wrong catalog")
    row = database.one(conn, "runs/get", id=run_id)
    assert row is not None
    assert row["state"] == "aborted"
    assert row["error"].endswith("wrong catalog")
    assert (row["leaves"], row["rejected"]) == (7, 1)
    assert scan.finish(conn, settings, run_id).state == "aborted"  # A late callback finds nothing to do.
    assert runs.open_run(conn, Source.NUGET, Action.SCAN, Kind.MANUAL)
    with pytest.raises(SettingsError, match="is not running: it is aborted"):
        runs.abort(conn, run_id, "somebody")


def test_a_failed_scan_is_resumed_by_a_new_one(
    settings: Settings, conn: database.Connection, queue: "redis.Redis[Any]"
) -> None:
    run_id = begin(conn)
    scan.fail(conn, run_id, "not used", base.TRIES)
    # In a process of its own, for an application keeps the broker it first had.
    words = subprocess.run(
        [sys.executable, "-m", "pkgintel", "runs", "resume", str(run_id)],
        env={**os.environ, **deployment.environment(settings)},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout
    assert words.startswith("catalog.scan was sent")
    assert "No worker answers" in words
    ((task, kwargs),) = sent(queue)
    assert task == "catalog.scan"
    assert f"'cause_id': {run_id}" in kwargs
    assert "'kind': 'manual'" in kwargs


def test_what_cannot_be_resumed_says_why(
    settings: Settings, conn: database.Connection, queue: "redis.Redis[Any]"
) -> None:
    failed = begin(conn)
    scan.fail(conn, failed, "not used", base.TRIES)
    running = runs.open_run(conn, Source.NUGET, Action.SCAN, Kind.MANUAL)
    with pytest.raises(SettingsError, match=f"Run {running} of nuget is in progress"):
        recovery.resume(conn, settings, failed)
    runs.end(conn, running, State.DONE)
    with pytest.raises(SettingsError, match=f"Run {running} is done, so nothing of it is left"):
        recovery.resume(conn, settings, running)
    with pytest.raises(SettingsError, match="There is no run 4711"):
        recovery.resume(conn, settings, 4711)
    with pytest.raises(SettingsError, match="There is no run 4711"):
        shown(conn, 4711)
    assert sent(queue) == []


def test_the_reader_reads_verdicts_and_no_more(conn: database.Connection) -> None:
    def may(table: str) -> bool:
        row = conn.execute("SELECT has_table_privilege('pkgintel_reader', %s, 'SELECT') AS may", (table,)).fetchone()
        return bool(row and row["may"])

    assert may("raw.nuget_packages")
    assert may("enriched.nuget_package_oss_status")
    assert may("enriched.license_changes")
    assert not may("ops.runs")
    with conn.transaction(force_rollback=True):
        conn.execute("SET LOCAL ROLE pkgintel_reader")
        conn.execute("SELECT count(*) FROM enriched.nuget_package_oss_status")
        with pytest.raises(Exception, match="permission denied"):
            conn.execute("DELETE FROM raw.nuget_packages")


def test_without_redis_nothing_is_sent(
    settings: Settings, conn: database.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = begin(conn)
    scan.fail(conn, run_id, "not used", base.TRIES)

    def away(_run: object) -> str:
        raise redis.ConnectionError("refused")

    monkeypatch.setattr(workflow, "resume", away)
    with pytest.raises(ServiceUnavailable, match="Redis does not answer"):
        recovery.resume(conn, settings, run_id)


def test_a_lost_run_that_another_one_finished_offers_no_resume(settings: Settings, conn: database.Connection) -> None:
    lost = begin(conn)
    runs.end(conn, lost, State.LOST, error="gone")
    assert f"Go on with it: pkgintel runs resume {lost}" in told("show", str(lost))
    later = runs.open_run(conn, Source.NUGET, Action.SCAN, Kind.SCHEDULED)
    runs.end(conn, later, State.DONE)
    words = told("show", str(lost))
    assert f"Nothing is left to do: run {later} did what this one left undone." in words
    assert "resume" not in words
    assert json.loads(told("show", str(lost), "--json"))["finished_by"] == later
    result = CliRunner().invoke(group, ["resume", str(lost)])
    assert f"Run {later} has done what run {lost} left undone" in str(result.exception)


def test_pages_of_one_stamp_are_in_the_order_of_their_numbers(settings: Settings, conn: database.Connection) -> None:
    run_id = begin(conn, pages=12)
    conn.execute("UPDATE ops.run_pages SET page_ticks = 0, state = 'pending' WHERE run_id = %s", (run_id,))
    names = [page["page_url"].rpartition("/")[2] for page in json.loads(told("show", str(run_id), "--json"))["pages"]]
    assert names == [f"page{number}.json" for number in range(12)]
