"""Who makes versions known and who derives packages: many of one kind at a time, never both; what deriving looks at."""

import random

import psycopg
import pytest

from pkgintel import database
from pkgintel.database import announcements, events
from pkgintel.nuget.documents import Item
from pkgintel.reports import known
from tests.support import bulk
from tests.support.catalogs import ZERO, delete, details
from tests.support.oracle import Event
from tests.support.scans import Bench


@pytest.fixture
def bench(speaking: Bench) -> Bench:
    return speaking


def announce(conn: database.Connection, *said: Event) -> int:
    items = [Item.read(one.item) for one in said]
    return announcements.know(conn, announcements.newest(items)[0], ZERO)


def test_pages_are_made_known_beside_one_another_and_never_while_packages_are_derived(bench: Bench) -> None:
    url = bench.settings.database_url
    with database.connect(url) as one, database.connect(url) as other:
        other.execute("SET lock_timeout = '1s'")
        with one.transaction():
            announce(one, details("P", "0.1.0", 1))
        with one.transaction():
            announce(one, details("P", "1.0.0", 1))
            with other.transaction():
                assert announce(other, details("P", "2.0.0", 2)) == 1, "it waits for no other page"
            with pytest.raises(psycopg.errors.LockNotAvailable), other.transaction():
                events.write_among_unread(other, [], packages=["p"])
        with one.transaction():
            events.write_among_unread(one, [], packages=["p"])
            with other.transaction():
                events.write_among_unread(other, [], packages=["q"])
            with pytest.raises(psycopg.errors.LockNotAvailable), other.transaction():
                announce(other, details("Q", "1.0.0", 3))
    assert known.counts(bench.conn)[0].unread == 3


def test_a_page_that_deletes_what_was_read_has_its_turn_alone(bench: Bench) -> None:
    bench.catalog.add("page0", details("P", "1.0.0", 1), details("Q", "1.0.0", 2))
    bench.catalog.publish()
    bench.chain()
    url = bench.settings.database_url
    with database.connect(url) as one, database.connect(url) as other, one.transaction():
        other.execute("SET lock_timeout = '1s'")
        assert announce(one, delete("P", "1.0.0", 3)) == 1
        with pytest.raises(psycopg.errors.LockNotAvailable), other.transaction():
            announce(other, details("R", "1.0.0", 4))
    row = bench.conn.execute("SELECT deleted_at FROM raw.nuget_versions WHERE package_key = 'p'").fetchone()
    assert row is not None
    assert row["deleted_at"] is not None


SETTLED = """
    INSERT INTO ops.rejected_leaves (leaf_url, package_id, version, kind, commit_ticks, page_url, reason, error)
    VALUES ('https://away/leaf.json', 'Away', '1.0.0', 'details', 1, 'https://away/page.json', 'schema', 'odd')
"""
KNOWN = "SELECT * FROM raw.unread_versions ORDER BY package_key, version_key"


def test_before_anything_was_read_pages_make_known_what_they_make_known_later(bench: Bench) -> None:
    """One leaf that a finished window accounts for is enough to have each item compared with what was read."""
    chance = random.Random(3)
    pages = [
        [
            chance.choice([details, details, delete])(
                f"P{chance.randrange(4)}",
                f"1.0.{chance.randrange(4)}",
                chance.randrange(1, 40),
                name=chance.choice("ab"),
            )
            for _ in range(chance.randrange(1, 9))
        ]
        for _ in range(60)
    ]
    found = []
    for prepare in ("SELECT 1", SETTLED):
        with bench.conn.transaction(force_rollback=True):
            bench.conn.execute(prepare)
            # As a leaf that could not be fetched leaves them behind, in a round in which none could.
            announce(bench.conn, details("P0", "1.0.0", 20), details("P1", "1.0.1", 20))
            bench.conn.execute("UPDATE raw.unread_versions SET rejected = true")
            told = []
            for page in pages:
                bench.conn.execute("TRUNCATE pg_temp.announced, pg_temp.fresh")  # As a commit does.
                told.append(announce(bench.conn, *page))
            uncertain = bench.conn.execute("SELECT * FROM raw.unread_packages ORDER BY 1").fetchall()
            found.append((told, bench.conn.execute(KNOWN).fetchall(), uncertain))
    assert found[0] == found[1]
    assert 0 in found[0][0]
    assert len(found[0][1]) == 16


def test_before_anything_was_read_no_item_is_compared_with_what_was(bench: Bench) -> None:
    with bench.conn.transaction():
        assert announce(bench.conn, details("P", "1.0.0", 1)) == 1
        assert bench.conn.execute("SELECT FROM pg_temp.announced").rowcount == 0, "it goes for new at once"


def test_the_newest_event_of_a_package_is_not_looked_for_among_those_of_all(conn: database.Connection) -> None:
    bulk.fill(
        conn, 40, 100
    )  # The more versions a package has, the sooner the planner hopes to meet one among the newest.
    database.run(conn, "known/touched_table")
    plan = conn.execute(b"EXPLAIN " + database.sql("known/derive_packages"), {"anew": False}).fetchall()
    lines = [row["QUERY PLAN"] for row in plan]
    assert any("nuget_versions_pkey" in line or "nuget_versions_speaking" in line for line in lines)
    assert not any("nuget_versions_commit" in line for line in lines), "it would be read through for each package"
