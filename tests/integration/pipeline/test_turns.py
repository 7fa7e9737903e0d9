"""Who makes versions known and who derives packages: many of one kind at a time, never both; what deriving looks at."""

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
    items = [Item.model_validate(one.item) for one in said]
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


def test_the_newest_event_of_a_package_is_not_looked_for_among_those_of_all(conn: database.Connection) -> None:
    bulk.fill(
        conn, 40, 100
    )  # The more versions a package has, the sooner the planner hopes to meet one among the newest.
    database.run(conn, "known/touched_table")
    plan = conn.execute(b"EXPLAIN " + database.sql("known/derive_packages"), {"anew": False}).fetchall()
    lines = [row["QUERY PLAN"] for row in plan]
    assert any("nuget_versions_pkey" in line or "nuget_versions_speaking" in line for line in lines)
    assert not any("nuget_versions_commit" in line for line in lines), "it would be read through for each package"
