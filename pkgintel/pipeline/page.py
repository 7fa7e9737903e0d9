"""One page of the catalog, from its address to the tables: one unit that is done wholly or not at all.

No transaction is open while anything is fetched. The transaction that writes the page also marks it done, so a page
that is delivered twice, or again after a crash, is written once.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from pkgintel import database
from pkgintel.database import events as store
from pkgintel.errors import PkgintelError
from pkgintel.nuget import documents, window
from pkgintel.nuget.documents import Event, Item
from pkgintel.pipeline import heartbeats, page_items, pages, runs
from pkgintel.pipeline.page_copy import Known
from pkgintel.pipeline.page_items import OF_REJECTED, Listed, Source
from pkgintel.pipeline.states import Action, State
from pkgintel.settings import Settings
from pkgintel.text import many
from pkgintel.upstream.client import Client
from pkgintel.upstream.leaves import Fetched, Reject, fetch_leaves
from pkgintel.upstream.slots import Limit

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PageResult:
    """What became of a page: how many leaves were fetched, how many versions that changed, how many were rejected.

    `note` says so instead when there was nothing to do.
    """

    leaves: int = 0
    changed: int = 0
    rejected: int = 0
    note: str = ""

    def __str__(self) -> str:
        return self.note or f"{many(self.leaves, 'leaf', 'leaves')}, {self.rejected} rejected"

    def facts(self) -> dict[str, int | str]:
        """The result as the task gives it back."""
        if self.note:
            return {"note": self.note}
        return {"leaves": self.leaves, "changed": self.changed, "rejected": self.rejected}


def store_page(
    db: database.Database,
    settings: Settings,
    client: Client,
    limit: Limit,
    run_id: int,
    page_url: str,
    *,
    progress: Callable[[str], None] = lambda _text: None,
) -> PageResult:
    """Fetch page `page_url` of run `run_id` and store what of it lies in the run's window.

    Raises: UpstreamUnavailable and psycopg.OperationalError (try again), UpstreamChanged (the page broke its shape).
    """
    with db.connection() as conn:
        run = runs.get(conn, run_id)
        if run is None or run.state is not State.RUNNING:
            return PageResult(note=f"run {run_id} is {run.state if run else 'gone'}: nothing to do")
        started = pages.start(conn, run_id, page_url)
        if started is None:
            return PageResult(note="done already")
    read = run.plan
    with heartbeats.pulse(db, run_id, settings.lost_after):
        replay = run.action is Action.REPLAY
        source = Source(db, client, read.catalog, limit)
        held = page_items.listed(source, run, page_url, Known(started.page_ticks, started.page_count))
        inside = window.inside(held.items, floor=read.floor, up_to=read.up_to)

        def fetched(count: int, total: int) -> None:
            progress(f"{page_url.rpartition('/')[2]}: {count} of {many(total, 'leaf', 'leaves')}")
            if count == total:
                return  # What is written next says so, with the leaves themselves.
            with suppress(psycopg.Error, PkgintelError), db.connection() as conn:
                pages.progress(conn, run_id, page_url, wanted=total, fetched=count)

        # Every rejected leaf is fetched again, also one that a newer leaf of its version has passed by.
        listed = inside if page_url.startswith(f"{OF_REJECTED} ") else documents.newest(inside)
        events: list[Event] = []
        rejected = list(held.odd)
        left, asked = listed, set[str]()
        while left:
            with db.connection() as conn:
                wanted = left if replay else store.unknown(conn, left, read.after)
            found = fetch_leaves(client, read.catalog, wanted, limit, fetched)
            events += found.events
            rejected += found.rejected
            asked |= {item.url for item in left}
            # Where the newest leaf of a version cannot be fetched, the one before it counts, as from another page.
            lost = {reject.item.url for reject in rejected}
            usable = documents.newest(item for item in inside if item.url not in lost) if found.rejected else []
            left = [item for item in usable if item.url not in asked]
        found = Fetched(events, rejected)
        with db.connection() as conn:
            _count_answers(conn, client)
            return _write(
                conn,
                run_id,
                page_url,
                found,
                held,
                items=sum(item.commit > read.after for item in listed) + len(held.odd),
            )


def _count_answers(conn: database.Connection, client: Client) -> None:
    """Add what upstream answered to the totals; a statement of its own, for it locks rows that every page touches."""
    heard = {kind: count for kind, count in dict(client.counts).items() if count}
    client.counts.subtract(heard)
    if heard:
        database.run(conn, "answers/count", kinds=list(heard), answers=list(heard.values()))


def _write(
    conn: database.Connection, run_id: int, page_url: str, found: Fetched, held: Listed, *, items: int
) -> PageResult:
    """The page's one transaction. Leaves that Postgres cannot hold are singled out and rejected."""
    events, rejected = list(found.events), list(found.rejected)
    try:
        return _transact(conn, run_id, page_url, events, rejected, held, items)
    except psycopg.DataError:
        refused = store.unstorable(conn, events)
        if not refused:
            raise
    words = {event.url: word for event, word in refused}
    rejected += [reject_of(event, words[event.url]) for event in events if event.url in words]
    events = [event for event in events if event.url not in words]
    return _transact(conn, run_id, page_url, events, rejected, held, items)


def _transact(
    conn: database.Connection,
    run_id: int,
    page_url: str,
    events: Sequence[Event],
    rejected: Sequence[Reject],
    held: Listed,
    items: int,
) -> PageResult:
    with conn.transaction():
        if not pages.lock(conn, run_id, page_url):
            return PageResult(note="done already, by another delivery of the same task")
        best: dict[tuple[str, str, str], Event] = {}
        for event in sorted(events, key=lambda event: (event.commit, event.url)):
            best[event.package_key, event.version_key, event.leaf.kind] = event
        changed = store.write(conn, list(best.values()))
        if len(best) < len(events):
            database.run(conn, "events/resolve_older", urls=[event.url for event in events])
        if held.gone:
            database.run(conn, "events/resolve_older", urls=held.gone)
        for reject in rejected:
            database.run(conn, "events/reject_leaf", **reject_row(reject, page_url, run_id))
        leaves = len(events) + len(rejected)
        counts = {"items": items, "leaves": leaves, "rejected": len(rejected)}
        pages.finish(conn, run_id, page_url, **counts, newest=held.newest)
    return PageResult(leaves=leaves, changed=changed, rejected=len(rejected))


def reject_of(event: Event, words: str) -> Reject:
    """An event that was read well but cannot be stored."""
    item = Item.model_construct(
        url=event.url,
        kind=event.leaf.kind,
        commit=event.commit,
        package_id=event.leaf.package_id,
        version=event.leaf.version,
    )
    return Reject(item=item, reason="unstorable", error=words, body=event.body)


def reject_row(reject: Reject, page_url: str, run_id: int) -> dict[str, object]:
    """The row of `ops.rejected_leaves`; the body as text, what is not UTF-8 in it escaped."""
    body = reject.body.decode("utf-8", "backslashreplace").replace("\0", "\\x00") if reject.body is not None else None
    return {
        "leaf_url": reject.item.url,
        "package_id": reject.item.package_id,
        "version": reject.item.version,
        "kind": reject.item.kind,
        "commit_ticks": reject.item.commit,
        "page_url": page_url.removeprefix(f"{OF_REJECTED} "),
        "reason": reject.reason,
        "error": reject.error.replace("\0", "\\x00")[:2000],
        "body": body,
        "run_id": run_id,
    }


def record_failure(db: database.Database, run_id: int, page_url: str, error: Exception, *, final: bool) -> None:
    """Write down why a page is not done; `final` says that it will not be tried again in this run.

    Where even that fails the log has it, and the run's missing heartbeat shows it.
    """
    words = f"{type(error).__name__}: {error}"
    try:
        with db.connection() as conn:
            pages.fail(conn, run_id, page_url, words[:2000], final=final)
    except (psycopg.Error, PkgintelError) as trouble:
        log.warning("%s was not recorded for %s: %s", words, page_url, trouble)
