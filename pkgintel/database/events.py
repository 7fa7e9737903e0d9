"""How events reach the tables: one page, one COPY, a few set-based statements, one transaction of the caller's.

Locks are taken in one order (packages by key, then versions, then declarations), so parallel pages never deadlock, and
the package rows are derived after the versions, under those locks, so none is ever left stale.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from pkgintel import database
from pkgintel.nuget import version
from pkgintel.nuget.documents import Event, Item, package_key
from pkgintel.nuget.fields import storable_json

REJECTS_AT_ONCE = 10_000  # A drifted schema may reject every leaf of a scan: no process holds them all.

_COLUMNS = [
    "text", "text", "text", "text", "text", "text", "text", "text", "bool", "bool", "timestamptz", "timestamptz",
    "bool", "bytea", "bool", "int8", "text", "jsonb", "bytea",
]  # fmt: skip


def unknown(conn: database.Connection, items: Sequence[Item], watermark: int) -> list[Item]:
    """Those of `items` whose event is not stored yet, in their order: one join, no request upstream.

    Rejected leaves up to `watermark` (ticks) are accounted for, as are those an operator accepted.
    """
    if not items:
        return []
    known: list[tuple[str, str]] = []
    for item in items:
        try:
            key = version.parse(item.version).key
        except ValueError:
            key = item.version  # No stored row has such a key, so the leaf is fetched and rejected with its reason.
        known.append((package_key(item.package_id), key))
    rows = database.every(
        conn,
        "events/unknown_items",
        package_keys=[package for package, _ in known],
        version_keys=[key for _, key in known],
        deletes=[item.kind == "delete" for item in items],
        ticks=[item.commit for item in items],
        urls=[item.url for item in items],
        watermark=watermark,
    )
    return [items[row["n"] - 1] for row in rows]


def write(conn: database.Connection, events: Sequence[Event]) -> int:
    """Merge `events` into versions and packages, inside the caller's transaction; how many versions changed.

    At most one details and one delete event of each version.
    Raises: psycopg.DataError when Postgres cannot hold one of the leaves (see `unstorable`).
    """
    if not events:
        return 0
    if database.the(conn, "known/any_unread")["found"]:
        return write_among_unread(conn, events)
    _copy(conn, events)
    added = database.one(conn, "events/add_packages")
    database.one(conn, "events/lock_packages")
    changed = _upsert(conn, events)
    database.run(conn, "events/derive_packages", whole=added["whole"] if added else [])
    database.run(conn, "events/resolve_leaves")
    return changed


def write_among_unread(
    conn: database.Connection,
    events: Sequence[Event],
    *,
    packages: Collection[str] = (),
    settled: Collection[tuple[str, str]] = (),
    rejected: Sequence[tuple[str, str, str]] = (),
) -> int:
    """Merge `events` as `write` does, where versions are known and unread: only a speaker that is certain speaks.

    The rows of `packages` (keys) are derived too. `settled` names versions (package key, version key) that may have
    been read meanwhile, `rejected` those whose leaf could not be fetched (and its address).
    """
    _copy(conn, events)
    database.run(conn, "known/turn_to_derive")
    database.run(conn, "known/touched_table")
    database.run(conn, "known/touch", packages=[*packages, *(package for package, _, _ in rejected)])
    database.one(conn, "known/lock_rows")
    database.run(conn, "known/lock_touched")
    changed = _upsert(conn, events)
    keys = sorted({(event.package_key, event.version_key) for event in events} | set(settled))
    if keys:
        named = {"package_keys": [package for package, _ in keys], "version_keys": [key for _, key in keys]}
        database.run(conn, "known/settle_deletes", **named)
        database.run(conn, "known/carry_deletes", **named)
        database.run(conn, "known/settle", **named)
    if rejected:
        lost = dict(zip(("package_keys", "version_keys", "urls"), map(list, zip(*rejected, strict=True)), strict=True))
        database.run(conn, "known/reject", **lost)
    database.one(conn, "known/derive_packages", anew=bool(rejected))
    database.run(conn, "events/resolve_leaves")
    return changed


def _copy(conn: database.Connection, events: Sequence[Event]) -> None:
    _make_incoming(conn)
    with conn.cursor() as cursor, cursor.copy(database.sql("events/copy_incoming")) as copy:
        copy.set_types(_COLUMNS)
        for event in events:
            copy.write_row(_row(event))


def _upsert(conn: database.Connection, events: Sequence[Event]) -> int:
    changed: int = database.the(conn, "events/upsert_details")["changed"]
    if any(event.leaf.kind == "delete" for event in events):
        changed += database.run(conn, "events/upsert_deletes")
    return changed


def resolve_superseded(conn: database.Connection) -> int:
    """Resolve the rejected leaves whose version is stored from a newer leaf: nothing of them is missing. How many.

    Items that break the shape of their page stay as they are, for what they say of their time may be as wrong.
    """
    count, after = 0, {"ticks": -(2**63), "url": ""}
    while rows := database.every(conn, "events/open_rejects", **after, most=REJECTS_AT_ONCE):
        urls, package_keys, version_keys = [], [], []
        for row in rows:
            with suppress(ValueError):  # No stored row has a version that cannot be read.
                version_keys.append(version.parse(row["version"]).key)
                package_keys.append(package_key(row["package_id"]))
                urls.append(row["leaf_url"])
        keys = {"package_keys": package_keys, "version_keys": version_keys}
        count += database.run(conn, "events/resolve_superseded", urls=urls, **keys)
        after = {"ticks": rows[-1]["commit_ticks"], "url": rows[-1]["leaf_url"]}
    return count


def unstorable(conn: database.Connection, events: Iterable[Event]) -> list[tuple[Event, str]]:
    """The events whose leaf Postgres refuses as JSONB (a number beyond its range, say), each with its words."""
    found = []
    for event in events:
        try:
            with conn.transaction():
                conn.execute("SELECT %s::jsonb", (_jsonb(event.body)[0],))
        except psycopg.DataError as error:
            found.append((event, str(error).splitlines()[0]))
    return found


def _make_incoming(conn: database.Connection) -> None:
    state = database.one(conn, "events/incoming_state")
    if state and not state["made"]:
        database.run(conn, "events/incoming")
        if database.the(conn, "events/has_lz4")["lz4"]:
            database.run(conn, "events/compress_incoming")


def _row(event: Event) -> tuple[Any, ...]:
    leaf = event.leaf
    raw, original = _jsonb(event.body)
    return (
        event.package_key,
        event.version_key,
        leaf.package_id,
        leaf.version,
        leaf.license_expression,
        leaf.license_file,
        leaf.license_url,
        leaf.project_url,
        leaf.is_listed,
        event.is_prerelease,
        leaf.created,
        leaf.published,
        leaf.deprecation,
        event.order,
        leaf.kind == "delete",
        event.commit,
        event.url,
        raw,
        original,
    )


def _jsonb(body: bytes) -> tuple[Jsonb, bytes | None]:
    """The leaf's own bytes as JSONB takes them, and the original beside it where they had to change.

    JSONB refuses U+0000 and lone surrogates, and one such leaf would fail a whole COPY.
    """
    clean = storable_json(body)
    return Jsonb(clean, dumps=_as_is), None if clean == body else body


def _as_is(body: bytes) -> bytes:
    return body
