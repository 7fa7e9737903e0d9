"""Which leaves of a page are missing, and what they are: the newest of each version, or the one before it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pkgintel.database import announcements, events
from pkgintel.database.announcements import Announced
from pkgintel.nuget import documents, window
from pkgintel.nuget.documents import Event
from pkgintel.pipeline.page_items import PageContent, Source
from pkgintel.pipeline.runs import Run
from pkgintel.pipeline.states import Action, PageKind
from pkgintel.upstream.leaves import Reject, fetch_leaves


@dataclass(frozen=True, slots=True)
class PageLeaves:
    """What is to be written of a page: events, rejected leaves and items, names of rejected items that are `gone`.

    `items` counts what is new in the window; `newest` is the newest commit (ticks) that the page names. The versions of
    `known` are to be made known without their leaves; rejected leaves up to `accounted` (ticks) are settled then.
    """

    events: list[Event]
    rejected: list[Reject]
    gone: list[str]
    items: int
    newest: int | None
    known: Sequence[Announced] = ()
    accounted: int = window.BEGINNING


def bring(
    source: Source, run: Run, kind: PageKind, content: PageContent, progress: Callable[[int, int], None]
) -> PageLeaves:
    """The leaves of a page that the run wants: a scan those not stored yet, a replay all of them.

    Raises: UpstreamUnavailable.
    """
    read = run.plan
    inside = window.inside(content.items, floor=read.floor, up_to=read.up_to)
    # Every rejected leaf is fetched again, also one that a newer leaf of its version has passed by.
    listed = inside if kind is PageKind.REJECTED else documents.newest(inside)
    found: list[Event] = []
    rejected = list(content.odd)
    left, asked = listed, set[str]()
    while left:
        wanted = left
        if run.action is not Action.REPLAY:
            with source.db.connection() as conn:
                wanted = events.unknown(conn, left, read.after)
        fetched = fetch_leaves(source.client, source.address, wanted, source.limit, progress)
        found += fetched.events
        rejected += fetched.rejected
        asked |= {item.url for item in left}
        # Where the newest leaf of a version cannot be fetched, the one before it counts, as from another page.
        lost = {reject.item.url for reject in rejected}
        usable = documents.newest(item for item in inside if item.url not in lost) if fetched.rejected else []
        left = [item for item in usable if item.url not in asked]
    items = sum(item.commit > read.after for item in listed) + len(content.odd)
    return PageLeaves(found, rejected, content.gone, items, content.newest)


def announced(source: Source, run: Run, content: PageContent) -> PageLeaves:
    """What a scan that reads no leaves makes of a page: its versions known, what cannot be known of it rejected.

    A line whose version NuGet would not read is rejected with what its leaf says, as it is elsewhere.
    Raises: UpstreamUnavailable.
    """
    read = run.plan
    known, lost = announcements.newest(window.inside(content.items, floor=read.floor, up_to=read.up_to))
    if lost:
        with source.db.connection() as conn:
            lost = events.unknown(conn, lost, read.after)
    fetched = fetch_leaves(source.client, source.address, lost, source.limit)
    rejected = [*content.odd, *fetched.rejected]
    named = [item for one in known for item in (one.details, one.delete) if item is not None]
    items = sum(item.commit > read.after for item in named) + len(rejected)
    return PageLeaves(fetched.events, rejected, content.gone, items, content.newest, known, read.after)
