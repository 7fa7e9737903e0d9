"""What waits for the disk: whatever a run promises; not what only shows how far it is."""

import pytest

from pkgintel import database
from pkgintel.database import Connection
from pkgintel.pipeline import pages
from tests.support.scans import ONE_PAGE, Bench, of_one_page


@pytest.fixture
def conn(bench: Bench) -> Connection:
    bench.conn.execute("SET synchronous_commit = on")  # The servers of the tests have it off.
    return bench.conn


@pytest.fixture
def run_id(conn: Connection) -> int:
    return of_one_page(conn)


def waits(conn: Connection) -> bool:
    row = conn.execute("SELECT current_setting('synchronous_commit') <> 'off' AS waits").fetchone()
    assert row is not None
    return bool(row["waits"])


def test_what_only_shows_how_far_a_page_is_does_not_wait_for_the_disk(conn: Connection, run_id: int) -> None:
    with conn.transaction():
        assert pages.start(conn, run_id, ONE_PAGE) is not None
        assert not waits(conn)
    with conn.transaction():
        pages.progress(conn, run_id, ONE_PAGE, wanted=2, fetched=1)
        assert not waits(conn)
    with conn.transaction():
        database.run(conn, "answers/count", kinds=["ok"], answers=[1])
        assert not waits(conn)
    row = conn.execute("SELECT attempts, wanted, fetched FROM ops.run_pages").fetchone()
    assert row == {"attempts": 1, "wanted": 2, "fetched": 1}
    assert waits(conn), "each of them speaks for itself alone"


def test_what_a_run_promises_waits_for_the_disk(conn: Connection, run_id: int) -> None:
    with conn.transaction():
        assert pages.finish(conn, run_id, ONE_PAGE, items=0, leaves=0, rejected=0, newest=None)
        assert not pages.finish(conn, run_id, ONE_PAGE, items=0, leaves=0, rejected=0, newest=None), "it is done"
        pages.fail(conn, run_id, ONE_PAGE, "it broke", final=True)
        assert waits(conn)
