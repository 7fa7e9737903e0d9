"""Events into tables: whatever their order, their parts and their neighbours, the tables are the oracle's."""

import json
import random
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pkgintel import database as db
from pkgintel.database import events as store
from pkgintel.nuget import documents
from pkgintel.nuget.documents import Event, Item
from pkgintel.pipeline import replay
from tests.support import oracle
from tests.support.catalogs import delete, details
from tests.support.databases import empty
from tests.support.histories import leaves
from tests.support.tables import differences, stored
from tests.support.waiting import until


def read(one: oracle.Event, **more: Any) -> Event:
    return documents.event(Item.read(one.item), db_bytes(dict(one.leaf) | more))


def db_bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def write(conn: db.Connection, events: list[oracle.Event]) -> int:
    """One page: of each version the newest details and the newest delete, as the pipeline does."""
    by_url = {one.url: one for one in events}
    kept = documents.newest(Item.read(one.item) for one in events)
    with conn.transaction():
        return store.write(conn, [read(by_url[item.url]) for item in kept])


@st.composite
def happenings(draw: st.DrawFn) -> list[oracle.Event]:
    serial, made = count(), []
    for _ in range(draw(st.integers(1, 6))):
        made += draw(leaves(draw(st.integers(0, 12)), serial))
    return made


@pytest.fixture(scope="module")
def shared(shared_database: str) -> Iterator[db.Connection]:
    with db.connect(shared_database) as connection:
        yield connection


@pytest.mark.parametrize("_part", range(2))
@hypothesis_settings(max_examples=250)
@given(happenings(), st.lists(st.integers(0, 3), min_size=24, max_size=24), st.randoms(use_true_random=True))
def test_any_order_any_parts_and_any_repetition_give_the_oracles_tables(
    shared: db.Connection, _part: int, events: list[oracle.Event], parts: list[int], chance: random.Random
) -> None:
    empty(shared)
    mixed = events + events[::3]
    chance.shuffle(mixed)
    for part in range(4):
        write(shared, [one for one, where in zip(mixed, parts, strict=False) if where == part])
    assert differences(shared, events) == []
    declared = {row["declaration"] for row in shared.execute("SELECT declaration FROM raw.nuget_versions").fetchall()}
    known = {
        row["declaration"] for row in shared.execute("SELECT declaration FROM raw.license_declarations").fetchall()
    }
    assert declared - {None} <= known


def test_a_replay_writes_nothing(conn: db.Connection) -> None:
    events = [details("A", "1.0", 1), delete("A", "1.0", 2), details("B", "1.0-x", 3, licenseExpression="MIT")]
    assert write(conn, events) == 3
    query = "SELECT xmin::text FROM raw.read_versions UNION ALL SELECT xmin::text FROM raw.nuget_packages"
    before = sorted(map(str, conn.execute(query).fetchall()))
    assert write(conn, events) == 0
    assert sorted(map(str, conn.execute(query).fetchall())) == before


def test_a_page_that_meets_versions_without_their_package_derives_it_from_all_of_them(conn: db.Connection) -> None:
    events = [details("A", "2.0", 1), details("A", "1.0", 2), details("B", "1.0", 3)]
    write(conn, events[:1])
    conn.execute("DELETE FROM raw.nuget_packages")
    write(conn, events[1:])
    assert differences(conn, events) == []


@pytest.mark.parametrize("only", [None, "a"])
def test_reading_the_stored_leaves_again_mends_what_was_lost(conn: db.Connection, only: str | None) -> None:
    events = [details("A", "2.0", 1, licenseExpression="MIT"), details("A", "1.0", 2), details("A", "0.1", 3)]
    write(conn, events)
    declared = "SELECT * FROM raw.license_declarations ORDER BY declaration"
    before = conn.execute(declared).fetchall()
    conn.execute("TRUNCATE raw.nuget_packages, raw.license_declarations")
    assert replay.rederive(conn, only, lambda _seen: None) == (0, [])
    assert differences(conn, events) == []
    assert conn.execute(declared).fetchall() == before


@pytest.mark.parametrize("committed", [True, False])
def test_a_page_that_waited_for_anothers_new_package_derives_it_from_both(
    conn: db.Connection, database: str, committed: bool
) -> None:
    first = [details("A", "1.0", 1, licenseExpression="MIT")]
    second = [details("A", "2.0", 2, licenseExpression="MIT"), details("B", "1.0", 3, licenseExpression="MIT")]
    if not committed:
        second[0] = details("A", "0.5", 2, licenseExpression="MIT")

    def other() -> None:
        with db.connect(database) as own:
            write(own, second)

    waiting = threading.Thread(target=other)
    with db.connect(database) as own, own.transaction(force_rollback=not committed):
        write(own, first)
        waiting.start()
        stuck = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        until(lambda: conn.execute(stuck).fetchone(), "the second page waits for the first")
    waiting.join(30)
    assert differences(conn, (first if committed else []) + second) == []
    assert len(conn.execute("SELECT 1 FROM raw.license_declarations").fetchall()) == 1


def test_concurrent_pages_neither_deadlock_nor_leave_a_stale_package(conn: db.Connection, database: str) -> None:
    chance = random.Random(4)
    events = [
        (delete if chance.random() < 0.2 else details)(f"P{chance.randrange(12)}", f"1.{chance.randrange(6)}", n)
        for n in range(600)
    ]
    errors: list[Exception] = []

    def work(mine: list[oracle.Event]) -> None:
        try:
            with db.connect(database) as own:
                for start in range(0, len(mine), 20):
                    write(own, mine[start : start + 20])
        except Exception as error:  # noqa: BLE001 - shown below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(events[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert differences(conn, events) == []


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"description": "a\0b"}, "a\ufffdb"),
        ({"description": "cut \ud83d"}, "cut \ufffd"),
        ({"description": "\\u0000 as text"}, "\\u0000 as text"),
        ({"description": "\U0001f600 whole"}, "\U0001f600 whole"),
    ],
)
def test_texts_that_jsonb_cannot_hold_are_stored_with_the_original_beside(
    conn: db.Connection, said: dict[str, Any], shown: str
) -> None:
    event = read(details("A", "1.0", 1), **said)
    with conn.transaction():
        store.write(conn, [event])
    row = conn.execute("SELECT raw ->> 'description' AS text, raw_bytes FROM raw.nuget_versions").fetchone() or {}
    assert row["text"] == shown
    assert row["raw_bytes"] == (None if shown == said["description"] else event.body)


def test_the_longest_keys_fit_and_a_number_beyond_jsonb_is_told(conn: db.Connection) -> None:
    chance = random.Random(1)
    name = "".join(chance.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(1000))
    long = details("A", "1.0", 1)
    long.item["nuget:id"] = long.leaf["id"] = name  # type: ignore[index]
    long.item["nuget:version"] = long.leaf["version"] = "1.0.0-" + name[:494]  # type: ignore[index]
    write(conn, [long])
    assert differences(conn, [long]) == []
    huge = read(details("B", "1.0", 1))
    bad = documents.event(Item.read(details("B", "1.0", 1).item), huge.body[:-1] + b', "n": 1e400000}')
    assert [event for event, _ in store.unstorable(conn, [huge, bad])] == [bad]


def test_unknown_are_the_items_whose_event_is_not_stored(conn: db.Connection) -> None:
    events = [details("A", "1.0", 5), delete("B", "1.0", 5)]
    write(conn, events)
    asked = [
        details("A", "1.0.0", 4), details("A", "1.0", 5), details("A", "1.0", 6), delete("A", "1.0", 1),
        details("B", "1.0", 1), delete("B", "1.0", 5), details("C", "what", 1),
    ]  # fmt: skip
    items = [Item.read(one.item) for one in asked]
    assert store.unknown(conn, items, 0) == [items[2], items[3], items[4], items[6]]


def test_the_tables_hold_what_the_oracle_says_of_a_plain_story(conn: db.Connection) -> None:
    """One example by hand, so that the oracle itself has a witness."""
    events = [
        details("A", "1.0", 1, licenseExpression="MIT"),
        details("a", "2.0-rc", 2),
        details("A", "1.1", 3, listed=False, published="1900-01-01T00:00:00Z"),
        delete("A", "1.0", 4),
        details("A", "1.0.0+again", 5, licenseExpression="Apache-2.0"),
        delete("B", "1.0", 6),
    ]
    write(conn, events)
    _, packages = stored(conn)
    one = packages["a"]
    assert (one["latest_version"], one["license_expression"], one["state"]) == ("1.0.0+again", "Apache-2.0", "listed")
    assert (packages["b"]["state"], packages["b"]["latest_version"], packages["b"]["package_id"]) == (
        "deleted",
        None,
        "B",
    )
    assert differences(conn, events) == []
