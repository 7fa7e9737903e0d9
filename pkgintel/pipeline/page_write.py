"""The one transaction of a page: its events, what was rejected of it, and that it is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import psycopg

from pkgintel import database
from pkgintel.database import announcements, events
from pkgintel.nuget.documents import Event, Item
from pkgintel.nuget.fields import Kind
from pkgintel.pipeline import answers, pages
from pkgintel.pipeline.page_leaves import PageLeaves
from pkgintel.pipeline.states import PageKind
from pkgintel.text import many
from pkgintel.upstream.client import Client
from pkgintel.upstream.leaves import Reject


@dataclass(frozen=True, slots=True)
class PageResult:
    """What became of a page: how many leaves were fetched, how many versions that changed, how many were rejected.

    `known` counts the versions of which it said something new, where no leaves were read.
    `note` says so instead when there was nothing to do.
    """

    leaves: int = 0
    changed: int = 0
    rejected: int = 0
    known: int = 0
    note: str = ""

    def __str__(self) -> str:
        known = f"{many(self.known, 'version')} known, " if self.known else ""
        return self.note or f"{known}{many(self.leaves, 'leaf', 'leaves')}, {self.rejected} rejected"

    def facts(self) -> dict[str, int | str]:
        """The result as the task gives it back."""
        if self.note:
            return {"note": self.note}
        facts: dict[str, int | str] = {"leaves": self.leaves, "changed": self.changed, "rejected": self.rejected}
        return facts | ({"known": self.known} if self.known else {})


def write(
    conn: database.Connection, client: Client, run_id: int, page_url: str, kind: PageKind, leaves: PageLeaves
) -> PageResult:
    """Write a page of run `run_id`. Leaves that Postgres cannot hold are singled out and rejected."""
    answers.count(conn, client)
    # A leaf that was rejected when its package was read again comes from no page of the catalog.
    origin = f"{kind} {page_url}" if kind is PageKind.PACKAGE else page_url
    brought, rejected = list(leaves.events), list(leaves.rejected)
    try:
        return _transact(conn, run_id, page_url, origin, leaves, brought, rejected)
    except psycopg.DataError:
        refused = events.unstorable(conn, brought)
        if not refused:
            raise
    words = {event.url: word for event, word in refused}
    rejected += [unstorable(event, words[event.url]) for event in brought if event.url in words]
    brought = [event for event in brought if event.url not in words]
    return _transact(conn, run_id, page_url, origin, leaves, brought, rejected)


def _transact(
    conn: database.Connection,
    run_id: int,
    page_url: str,
    origin: str,
    leaves: PageLeaves,
    brought: Sequence[Event],
    rejected: Sequence[Reject],
) -> PageResult:
    with conn.transaction():
        count = len(brought) + len(rejected)
        counts = {"items": leaves.items, "leaves": count, "rejected": len(rejected)}
        if not pages.finish(conn, run_id, page_url, **counts, newest=leaves.newest):
            return PageResult(note="done already, by another delivery of the same task")
        best: dict[tuple[str, str, str], Event] = {}
        for event in sorted(brought, key=lambda event: (event.commit, event.url)):
            best[event.package_key, event.version_key, event.leaf.kind] = event
        changed = events.write(conn, list(best.values()))
        known = announcements.know(conn, leaves.known, leaves.accounted)
        if len(best) < len(brought):
            database.run(conn, "events/resolve_older", urls=[event.url for event in brought])
        if leaves.gone:
            database.run(conn, "events/resolve_older", urls=leaves.gone)
        for reject in rejected:
            database.run(conn, "events/reject_leaf", **reject_row(reject, origin, run_id))
    return PageResult(leaves=count, changed=changed, rejected=len(rejected), known=known)


def unstorable(event: Event, words: str) -> Reject:
    """An event that was read well but cannot be stored."""
    leaf = event.leaf
    item = Item(event.url, leaf.kind, event.commit, leaf.package_id, leaf.version)
    return Reject(item=item, reason="unstorable", error=words, body=event.body)


class RejectRow(TypedDict):
    """A row of `ops.rejected_leaves` as it is written; `commit_ticks` in ticks."""

    leaf_url: str
    package_id: str
    version: str
    kind: Kind
    commit_ticks: int
    page_url: str
    reason: str
    error: str
    body: str | None
    run_id: int | None


def reject_row(reject: Reject, page_url: str, run_id: int | None) -> RejectRow:
    """The row of `ops.rejected_leaves`; the body as text, what is not UTF-8 in it escaped."""
    body = reject.body.decode("utf-8", "backslashreplace").replace("\0", "\\x00") if reject.body is not None else None
    return {
        "leaf_url": reject.item.url,
        "package_id": reject.item.package_id,
        "version": reject.item.version,
        "kind": reject.item.kind,
        "commit_ticks": reject.item.commit,
        "page_url": page_url,
        "reason": reject.reason,
        "error": reject.error.replace("\0", "\\x00")[:2000],
        "body": body,
        "run_id": run_id,
    }
