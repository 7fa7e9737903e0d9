"""Reading what is known and unread: one page of such a run, a range of packages or of blocks, in one transaction.

Which leaves those are is asked of the tables, never of a message, so a page that is delivered twice, or again after a
crash, finds what is left.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psycopg

from pkgintel import database
from pkgintel.database import events as store
from pkgintel.errors import UpstreamUnavailable
from pkgintel.nuget import version
from pkgintel.nuget.documents import Event, Item, package_key
from pkgintel.pipeline import answers, heartbeats, page, page_write, pages, runs
from pkgintel.pipeline.page_write import PageResult
from pkgintel.pipeline.pages import PageStart
from pkgintel.pipeline.states import PageKind
from pkgintel.settings import Settings
from pkgintel.upstream.client import Client
from pkgintel.upstream.leaves import Leaves, Reject, fetch_leaves
from pkgintel.upstream.slots import Leasing

MOST_LEAVES = 2_750  # Of a page of a round, as many as a page of the catalog names: whatever lies ahead, it is bounded.


@dataclass(frozen=True, slots=True)
class Unread:
    """The unread leaves of a page, the keys of their versions, and the `packages` whose rows are derived with them."""

    items: list[Item] = field(default_factory=list)
    keys: list[tuple[str, str]] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)


def store_leaves(
    db: database.Database,
    settings: Settings,
    client: Client,
    leasing: Leasing,
    run_id: int,
    name: str,
    *,
    progress: Callable[[str], None] = lambda _text: None,
) -> PageResult:
    """Fetch the unread leaves of page `name` of run `run_id` and store them, and that the page is done.

    Its requests go under the share of the limit that `leasing` gives for their server.
    Raises: UpstreamUnavailable and psycopg.OperationalError (try again).
    """
    with db.connection() as conn:
        start = pages.start(conn, run_id, name, heartbeats.interval(settings.lost_after))
        if start is None:
            return PageResult(note=pages.why_not_started(conn, run_id))
        wanted = _wanted(conn, name, start)

    fetched = page.shown(db, run_id, name, progress)
    catalog = start.run.plan.catalog
    with heartbeats.pulse(db, run_id, settings.lost_after, given=True), leasing(catalog.index_url) as limit:
        found = fetch_leaves(client, catalog, wanted.items, limit, fetched)
        with db.connection() as conn:
            answers.count(conn, client)
            return _write(conn, run_id, name, wanted, found)


def _wanted(conn: database.Connection, name: str, start: PageStart) -> Unread:
    if start.kind is PageKind.REST:
        blocks = {"start": int(name), "stop": int(start.page_end or name)}
        return _unread(database.every(conn, "reading/rest", **blocks), [])
    keys = {"start": start_of(name), "stop": start.page_end}
    packages = [row["package_key"] for row in database.every(conn, "reading/packages", **keys)]
    return _unread(database.every(conn, "reading/speakers", **keys, most=MOST_LEAVES), packages)


def start_of(name: str) -> str:
    """The key behind which a range of packages begins: the name of its page, but for the first one of all."""
    return "" if name == FIRST else name


FIRST = " "  # Stands for the empty key, which comes before all; no key begins with it.


def read_version(db: database.Database, client: Client, leasing: Leasing, package_id: str, version_text: str) -> bool:
    """Read the leaf of one version, where it is known and unread, and store it as any other; whether that was so.

    Raises: UpstreamUnavailable where it cannot be fetched.
    """
    try:
        named = {"package_key": package_key(package_id), "version_key": version.parse(version_text).key}
    except ValueError:
        return False  # No version has such a key.
    with db.connection() as conn:
        wanted = _unread(database.every(conn, "reading/version", **named), [named["package_key"]])
        known = database.one(conn, "reading/catalog")
        catalog = runs.require(conn, known["id"]).catalog if known else None
    if not wanted.items or catalog is None:
        return False
    url = wanted.items[0].url
    with leasing(url) as limit:
        found = fetch_leaves(client, catalog, wanted.items, limit)
    with db.connection() as conn, conn.transaction():
        write(conn, None, wanted, found.events, found.rejected)
    for reject in found.rejected:
        named_so = f"{package_id} {version_text}"
        raise UpstreamUnavailable(f"{named_so} is known, and its leaf cannot be fetched: {reject.error}", url)
    return True


def read_versions(conn: database.Connection, client: Client, leasing: Leasing, keys: Sequence[tuple[str, str]]) -> int:
    """Read the leaves of those of some versions, by their keys, that are known and unread; how many were stored.

    Raises: UpstreamUnavailable where the catalog does not answer.
    """
    named = [{"package_key": package, "version_key": key} for package, key in keys]
    rows = [row for one in named for row in database.every(conn, "reading/version", **one)]
    known = database.one(conn, "reading/catalog") if rows else None
    catalog = runs.require(conn, known["id"]).catalog if known else None
    if catalog is None:
        return 0
    wanted = _unread(rows, sorted({row["package_key"] for row in rows}))
    with leasing(wanted.items[0].url) as limit:
        found = fetch_leaves(client, catalog, wanted.items, limit)
    with conn.transaction():
        write(conn, None, wanted, found.events, found.rejected)
    return len(found.events)


def _unread(rows: list[database.Row], packages: list[str]) -> Unread:
    items = [Item(row["url"], row["kind"], row["ticks"], row["package_id"], row["version"]) for row in rows]
    return Unread(items, [(row["package_key"], row["version_key"]) for row in rows], packages)


def _write(conn: database.Connection, run_id: int, name: str, wanted: Unread, found: Leaves) -> PageResult:
    """Write what was fetched. Leaves that Postgres cannot hold are singled out and rejected."""
    events, rejected = list(found.events), list(found.rejected)
    try:
        return _transact(conn, run_id, name, wanted, events, rejected)
    except psycopg.DataError:
        refused = store.unstorable(conn, events)
        if not refused:
            raise
    words = {event.url: word for event, word in refused}
    rejected += [page_write.unstorable(event, words[event.url]) for event in events if event.url in words]
    events = [event for event in events if event.url not in words]
    return _transact(conn, run_id, name, wanted, events, rejected)


def _transact(
    conn: database.Connection,
    run_id: int,
    name: str,
    wanted: Unread,
    events: Sequence[Event],
    rejected: Sequence[Reject],
) -> PageResult:
    with conn.transaction():
        counts = {"leaves": len(wanted.items), "rejected": len(rejected)}
        newest = max((event.commit for event in events), default=None)
        if not pages.finish(conn, run_id, name, items=len(wanted.items), **counts, newest=newest):
            return PageResult(note="done already, by another delivery of the same task")
        changed = write(conn, run_id, wanted, events, rejected)
    return PageResult(leaves=len(wanted.items), changed=changed, rejected=len(rejected))


def write(
    conn: database.Connection, run_id: int | None, wanted: Unread, events: Sequence[Event], rejected: Sequence[Reject]
) -> int:
    """Store what became of the leaves `wanted`, inside the caller's transaction; how many versions changed."""
    keys = dict(zip((item.url for item in wanted.items), wanted.keys, strict=True))
    changed = store.write_among_unread(
        conn,
        events,
        packages=wanted.packages,
        settled=wanted.keys,
        rejected=[(*keys[reject.item.url], reject.item.url) for reject in rejected],
    )
    for reject in rejected:
        origin = f"unread {keys[reject.item.url][0]}"
        database.run(conn, "events/reject_leaf", **page_write.reject_row(reject, origin, run_id))
    return changed
