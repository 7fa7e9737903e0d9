"""A page is taken up with its run, which is a sign of life of that; nothing is taken up of a run that ended."""

import pytest

from pkgintel.database import Connection
from pkgintel.pipeline import pages, runs
from pkgintel.pipeline.states import State
from tests.support.scans import ONE_PAGE, of_one_page


@pytest.fixture
def run_id(conn: Connection) -> int:
    return of_one_page(conn)


def silent(conn: Connection) -> bool:
    """Whether the run gave no sign of life since it was opened a minute ago."""
    row = conn.execute("SELECT heartbeat_at < now() - interval '30 s' AS silent FROM ops.runs").fetchone()
    assert row is not None
    return bool(row["silent"])


def test_a_page_that_is_taken_up_is_a_sign_of_life_of_its_run(conn: Connection, run_id: int) -> None:
    conn.execute("UPDATE ops.runs SET heartbeat_at = now() - interval '1 min'")
    start = pages.start(conn, run_id, ONE_PAGE, every=300)
    assert silent(conn), "the last sign is younger than half of that"
    assert start is not None
    assert (start.run, start.attempts, start.page_ticks, start.page_count) == (runs.get(conn, run_id), 1, 7, 2)
    assert not start.odd
    assert pages.start(conn, run_id, ONE_PAGE) is not None
    assert not silent(conn)


def test_a_page_with_odd_lines_says_so(conn: Connection, run_id: int) -> None:
    conn.execute(
        "INSERT INTO ops.rejected_leaves (leaf_url, package_id, version, kind, commit_ticks, page_url, reason, error)"
        " VALUES (%s || '#item-1-abc', 'a', '1', 'details', 1, %s, 'item', 'odd')",
        (ONE_PAGE, ONE_PAGE),
    )
    start = pages.start(conn, run_id, ONE_PAGE)
    assert start is not None
    assert start.odd


def test_a_page_that_is_done_is_not_taken_up(conn: Connection, run_id: int) -> None:
    assert pages.finish(conn, run_id, ONE_PAGE, items=0, leaves=0, rejected=0, newest=None)
    assert pages.start(conn, run_id, ONE_PAGE) is None
    assert pages.why_not_started(conn, run_id) == "done already"


def test_no_page_is_taken_up_of_a_run_that_ended(conn: Connection, run_id: int) -> None:
    runs.end(conn, run_id, State.ABORTED)
    conn.execute("UPDATE ops.runs SET heartbeat_at = now() - interval '1 min'")
    assert pages.start(conn, run_id, ONE_PAGE) is None
    assert pages.why_not_started(conn, run_id) == f"run {run_id} is aborted: nothing to do"
    assert pages.why_not_started(conn, run_id + 1) == f"run {run_id + 1} is gone: nothing to do"
    assert silent(conn)


def test_of_the_pages_that_a_chain_has_read_those_behind_a_commit_are_looked_at(conn: Connection, run_id: int) -> None:
    conn.execute("UPDATE ops.runs SET root_id = id")
    assert pages.read(conn, run_id, behind=6) == set()
    assert pages.finish(conn, run_id, ONE_PAGE, items=0, leaves=0, rejected=0, newest=None)
    assert pages.read(conn, run_id, behind=6) == {(ONE_PAGE, 7)}
    assert pages.read(conn, run_id, behind=7) == set()
    assert pages.read(conn, run_id + 1, behind=6) == set()
