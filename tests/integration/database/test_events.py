"""Events into tables: whatever their order, their parts and their neighbours, the tables are the oracle's."""

import ast
import json
import random
import re
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pkgintel import database as db
from pkgintel.database import events as store
from pkgintel.database import migrations
from pkgintel.errors import SchemaBehind
from pkgintel.local.services import Services
from pkgintel.nuget import documents
from pkgintel.nuget.documents import Event, Item
from pkgintel.pipeline import replay
from tests.support import oracle
from tests.support.catalogs import delete, details
from tests.support.checkout import CHECKOUT
from tests.support.databases import empty, fresh_database
from tests.support.histories import leaves
from tests.support.tables import differences, stored
from tests.support.waiting import until

PACKAGE = CHECKOUT / "pkgintel"


def read(one: oracle.Event, **more: Any) -> Event:
    return documents.event(Item.model_validate(one.item), db_bytes(dict(one.leaf) | more))


def db_bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def write(conn: db.Connection, events: list[oracle.Event]) -> int:
    """One page: of each version the newest details and the newest delete, as the pipeline does."""
    by_url = {one.url: one for one in events}
    kept = documents.newest(Item.model_validate(one.item) for one in events)
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
    bad = documents.event(Item.model_validate(details("B", "1.0", 1).item), huge.body[:-1] + b', "n": 1e400000}')
    assert [event for event, _ in store.unstorable(conn, [huge, bad])] == [bad]


def test_unknown_are_the_items_whose_event_is_not_stored(conn: db.Connection) -> None:
    events = [details("A", "1.0", 5), delete("B", "1.0", 5)]
    write(conn, events)
    asked = [
        details("A", "1.0.0", 4), details("A", "1.0", 5), details("A", "1.0", 6), delete("A", "1.0", 1),
        details("B", "1.0", 1), delete("B", "1.0", 5), details("C", "what", 1),
    ]  # fmt: skip
    items = [Item.model_validate(one.item) for one in asked]
    assert store.unknown(conn, items, 0) == [items[2], items[3], items[4], items[6]]


# --- the schema ------------------------------------------------------------------------------------------------------

VERSION = "INSERT INTO raw.read_versions (package_key, version_key, package_id, version, is_prerelease, sort_key, raw"
KEY = "'\\x0000000000000000000000000000000001'"
BAD = {
    "version without an event": f"{VERSION}) VALUES ('a', '1', 'A', '1', false, {KEY}, '{{}}')",
    "details without an address": (
        f"{VERSION}, listed, details_ticks) VALUES ('a', '1', 'A', '1', false, {KEY}, '{{}}', true, 1)"
    ),
    "details that do not say listed": (
        f"{VERSION}, details_ticks, details_url) VALUES ('a', '1', 'A', '1', false, {KEY}, '{{}}', 1, 'u')"
    ),
    "a delete without an address": f"{VERSION}, delete_ticks) VALUES ('a', '1', 'A', '1', false, {KEY}, '{{}}', 1)",
    "an empty key": f"{VERSION}, delete_ticks, delete_url) VALUES ('', '1', 'A', '1', false, {KEY}, '{{}}', 1, 'u')",
    "a short order": f"{VERSION}, delete_ticks, delete_url) VALUES ('a', '1', 'A', '1', false, '\\x', '{{}}', 1, 'u')",
    "a leaf that is no object": f"{VERSION}, delete_ticks, delete_url) VALUES ('a','1','A','1',false,{KEY},'[]',1,'u')",
    "a package in another state": (
        "INSERT INTO raw.nuget_packages (package_key, package_id, state, commit_ticks) VALUES ('a', 'A', 'gone', 1)"
    ),
    "a listed package without a version": (
        "INSERT INTO raw.nuget_packages (package_key, package_id, state, commit_ticks) VALUES ('a', 'A', 'listed', 1)"
    ),
    "a declaration of another name": (
        "INSERT INTO raw.license_declarations VALUES ('00000000-0000-0000-0000-000000000000', 'MIT')"
    ),
    "a license twice, but for case": (
        "INSERT INTO raw.spdx_licenses (license_id, name, is_osi_approved, is_deprecated, list_version, raw) "
        "VALUES ('MIT', '', true, false, '1', '{}'), ('mit', '', true, false, '1', '{}')"
    ),
    "a verdict that is none": (
        "INSERT INTO enriched.declaration_verdicts (declaration, verdict, rule, reason, evidence, basis) "
        "VALUES ('00000000-0000-0000-0000-000000000000', 'maybe', 'r', 'r', '{}', 'b')"
    ),
    "two running runs": (
        "INSERT INTO ops.runs (source, kind, action, state) VALUES ('nuget', 'manual', 'scan', 'running'), "
        "('nuget', 'manual', 'scan', 'running')"
    ),
    "a run that ended without a time": (
        "INSERT INTO ops.runs (source, kind, action, state) VALUES ('nuget', 'manual', 'scan', 'done')"
    ),
    "a run of no state": (
        "INSERT INTO ops.runs (source, kind, action, state, finished_at) VALUES ('nuget','manual','scan','odd', now())"
    ),
    "a page of no run": "INSERT INTO ops.run_pages (run_id, page_url) VALUES (0, 'u')",
    "a reject accepted without a reason": (
        "INSERT INTO ops.rejected_leaves (leaf_url, package_id, version, kind, commit_ticks, page_url, reason, error, "
        "resolved_at, resolution, why) VALUES ('u', 'A', '1', 'details', 1, 'p', 'r', 'e', now(), 'accepted', '')"
    ),
    "two catalogs": "INSERT INTO ops.catalog (one, name) VALUES (true, 'a'), (false, 'b')",
    "a change that changes nothing": (
        "INSERT INTO enriched.verdict_changes (package_key, package_id, from_verdict, to_verdict, cause) "
        "VALUES ('a', 'A', 'unknown', 'unknown', 'ruleset')"
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_the_schema_refuses(conn: db.Connection, what: str) -> None:
    with pytest.raises(psycopg.errors.IntegrityError):
        conn.execute(BAD[what].encode())


@pytest.mark.parametrize("text", ["1969-12-31T23:59:59.9999999", "2024-05-01T00:31:56.1172119", "1900-01-01T00:00:00"])
def test_postgres_cuts_the_seventh_digit_as_python_does(conn: db.Connection, text: str) -> None:
    value = oracle.ticks(text + "Z")
    assert conn.execute("SELECT raw.at(%s) AS at", (value,)).fetchone() == {"at": oracle.at(value)}


STATEMENTS = sorted(
    path.relative_to(db.SQL).with_suffix("").as_posix()
    for path in db.SQL.rglob("*.sql")
    if path.parent.name not in ("migrations", "operate")  # Those in operate are for an operator's psql.
)


def test_every_statement_is_understood_by_a_migrated_database(conn: db.Connection) -> None:
    for tables in ("events/incoming", "known/tables", "known/touched_table"):
        conn.execute(db.sql(tables))
    failed = {}
    with conn.transaction():
        conn.execute(db.sql("verdicts/judged"))
        for table in ("moved", "relicensed"):
            db.run(conn, f"relicensing/{table}", varied=[])
        for name in STATEMENTS:
            text = db.sql(name).decode()
            body = re.sub(r"^--.*$", "", text, flags=re.MULTILINE).strip()
            if re.match(r"(CREATE|ALTER|COPY|LOCK|DO|SET)\b", body):
                continue
            names = sorted(set(re.findall(r"%\((\w+)\)[sb]", body)))
            body = re.sub(r"%\((\w+)\)[sb]", lambda found, names=names: f"${1 + names.index(found[1])}", body)
            try:
                with conn.transaction():
                    conn.execute(b"PREPARE tried AS " + body.replace("%%", "%").encode())
                    conn.execute("DEALLOCATE tried")
            except psycopg.Error as error:
                failed[name] = str(error).splitlines()[0]
    assert failed == {}


def test_every_statement_is_used_and_every_used_one_is_there() -> None:
    used = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                used.add(node.value)
            elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                start = str(node.values[0].value)
                used |= {name for name in STATEMENTS if re.fullmatch(r"\w+/", start) and name.startswith(start)}
    folders = {name.partition("/")[0] for name in STATEMENTS}
    assert [name for name in STATEMENTS if name not in used] == []
    wanted = {name for name in used if re.fullmatch(r"\w+(/\w+)+", name) and name.partition("/")[0] in folders}
    assert sorted(wanted - set(STATEMENTS)) == []


def test_migrations_apply_from_zero_once_and_whoever_comes_second_waits(services: Services) -> None:
    with fresh_database(services, None) as url:
        with db.connect(url) as conn, pytest.raises(SchemaBehind, match="has no pkgintel schema yet"):
            migrations.require_schema(conn)
        done: list[list[str]] = []
        threads = [threading.Thread(target=lambda: done.append(migrations.apply(url))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        names = [path.name for _, path in migrations.files()]
        assert sorted(done) == [[], [], names]
        with db.connect(url) as conn:
            migrations.require_schema(conn)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            "DELETE FROM public.pkgintel_migrations WHERE number = 1",
            "The schema is behind: 0001_tables.sql not applied",
        ),
        ("UPDATE public.pkgintel_migrations SET number = 9999 WHERE number = 1", "migration 9999, which this version"),
        ("UPDATE public.pkgintel_migrations SET hash = 'x' WHERE number = 1", "0001 was changed after it had been"),
    ],
)
def test_a_schema_of_another_version_is_refused(conn: db.Connection, change: str, says: str) -> None:
    conn.execute(change.encode())
    with pytest.raises(SchemaBehind, match=re.escape(says)):
        migrations.require_schema(conn)


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
