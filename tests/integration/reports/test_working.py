"""What status says of runs that work, stand still or went wrong, and of what they rejected."""

import pytest

from pkgintel import database
from pkgintel.pipeline import heartbeats, runs
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.settings import Settings
from tests.support.reports import because, report, run_of, shown


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
