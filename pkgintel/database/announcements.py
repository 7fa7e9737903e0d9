"""How the items of a page make versions known before their leaves are read: one COPY and a few set-based statements.

What is known and unread lies in `raw.unread_versions`; the packages whose speakers are not certain for it are named in
`raw.unread_packages`. Pages are made known beside one another, and never beside a transaction that derives packages
(`ops.unread_turn`); both write packages and versions in key order, so none waits for another in a circle.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import psycopg

from pkgintel import database
from pkgintel.nuget import instant, version
from pkgintel.nuget.documents import Item, package_key
from pkgintel.nuget.version import Version

_COLUMNS = ["text", "text", "text", "text", "bytea", "bool", "int8", "text", "bool", "int8", "text", "bool"]

# Of a day, as addresses have them.
_MINUTES = [f".{hour:02}.{minute:02}" for hour in range(24) for minute in range(60)]
_SECONDS = [f".{second:02}" for second in range(60)]


@dataclass(slots=True)
class Announced:
    """The newest details and the newest delete that a page names of a version; one of them is `said` for both."""

    package_key: str
    version: Version
    said: Item
    details: Item | None = None
    delete: Item | None = None


def know(conn: database.Connection, found: Sequence[Announced], watermark: int) -> int:
    """Make versions known, inside the caller's transaction; of how many of them that said something new.

    What is stored already, or known from a newer leaf, is left alone; rejected leaves up to `watermark` (ticks), and
    those that an operator accepted, are known and asked for no more.
    """
    if not found:
        return 0
    base = _base(conn, found)
    _make_tables(conn)
    rows = [_row(one, base) for one in found]
    turn = _take_turn(conn, rows, base, watermark)
    kept = 0
    if turn.fresh:
        database.run(conn, "known/mark_packages")
        kept = database.run(conn, "known/keep", base=base)
    if turn.deletes:
        database.run(conn, "known/apply_deletes")
        database.run(conn, "known/carry_known_deletes", base=base)
    return kept if turn.first else turn.fresh


@dataclass(frozen=True, slots=True)
class _Turn:
    """Of how many versions a page may say something new; whether it is among the `first`, before anything was read.

    `deletes` says that it deletes a version that was read.
    """

    fresh: int
    first: bool = False
    deletes: bool = False


def _take_turn(conn: database.Connection, rows: Sequence[tuple[Any, ...]], base: str | None, watermark: int) -> _Turn:
    """Find what is new, beside other pages. Before anything was read that is left to what keeps it.

    A page that deletes what was read takes its turn alone: rows of both tables are written for it, in no common order.
    """
    said = {"base": base, "watermark": watermark}
    with conn.transaction() as turn:
        database.run(conn, "known/turn_to_announce")
        if database.the(conn, "known/is_first", watermark=watermark)["first"]:
            _copy(conn, "known/copy_first", rows)
            return _Turn(len(rows), first=True)
        _copy(conn, "known/copy", rows)
        fresh = database.run(conn, "known/add_fresh", **said)
        if not fresh or not database.the(conn, "known/any_read_deleted")["found"]:
            return _Turn(fresh)
        raise psycopg.Rollback(turn)
    database.run(conn, "known/turn_to_delete")
    _copy(conn, "known/copy", rows)
    return _Turn(database.run(conn, "known/add_fresh", **said), deletes=True)


def _copy(conn: database.Connection, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with conn.cursor() as cursor, cursor.copy(database.sql(statement)) as copy:
        copy.set_types(_COLUMNS)
        for row in rows:
            copy.write_row(row)


def newest(items: Iterable[Item]) -> tuple[list[Announced], list[Item]]:
    """What `items` say of each version, in no order, and those whose version NuGet would not read.

    At equal commits the greater address wins. Nothing can be known of an item without a version.
    """
    best: dict[tuple[str, str], Announced] = {}
    unreadable = []
    for item in items:
        try:
            named = version.parse(item.version)
        except ValueError:
            unreadable.append(item)
            continue
        key = package, _ = package_key(item.package_id), named.key
        one = best.get(key)
        if one is None:
            details, delete = (item, None) if item.kind == "details" else (None, item)
            best[key] = Announced(package, named, item, details, delete)
        elif item.kind == "delete":
            if one.delete is None or (one.delete.commit, one.delete.url) < (item.commit, item.url):
                one.delete, one.said = item, one.details or item
        elif one.details is None or (one.details.commit, one.details.url) < (item.commit, item.url):
            one.details = one.said = item
    return list(best.values()), unreadable


def leaf_address(base: str, commit: int, package: str, version_key: str) -> str:
    """The address of a leaf as nuget.org writes it; `commit` in ticks. The same as `raw.leaf_address` in Postgres."""
    days, second = divmod(commit // instant.TICKS_PER_SECOND, 86_400)
    minute, second = divmod(second, 60)
    return f"{base}{_day(days)}{_MINUTES[minute]}{_SECONDS[second]}/{package}.{version_key}.json"


@lru_cache(maxsize=4096)
def _day(days: int) -> str:
    """A day as addresses have it, so many days from 1970."""
    return instant.moment(days * instant.DAY).strftime("%Y.%m.%d")


def _base(conn: database.Connection, found: Iterable[Announced]) -> str | None:
    """What the addresses of most leaves begin with; the first one of the usual shape says so."""
    row = database.one(conn, "known/base")
    if row is None or row["leaf_base"] is not None:
        return row["leaf_base"] if row else None
    for one in found:
        ending = leaf_address("", one.said.commit, one.package_key, one.version.key)
        if one.said.url.endswith("/" + ending):
            database.run(conn, "known/set_base", base=one.said.url.removesuffix(ending))
            base: str | None = database.the(conn, "known/base")["leaf_base"]
            return base
    return None


def _make_tables(conn: database.Connection) -> None:
    if not database.the(conn, "known/tables_made")["made"]:
        database.run(conn, "known/tables")


def _row(one: Announced, base: str | None) -> tuple[Any, ...]:
    details, delete, said, key = one.details, one.delete, one.said, one.version.key
    package = one.package_key
    return (
        package,
        key,
        said.package_id,
        said.version,
        one.version.order,
        one.version.is_prerelease,
        details and details.commit,
        details and details.url,
        details is not None and base is not None and details.url == leaf_address(base, details.commit, package, key),
        delete and delete.commit,
        delete and delete.url,
        delete is not None and base is not None and delete.url == leaf_address(base, delete.commit, package, key),
    )
