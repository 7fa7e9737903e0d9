"""What one page task has to read: the items of a page of the catalog, or of what a replay treats as a page."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pkgintel import database
from pkgintel.database import events
from pkgintel.nuget import instant, window
from pkgintel.nuget.documents import Item
from pkgintel.nuget.listing import Listing
from pkgintel.pipeline import odd_items, page_copy
from pkgintel.pipeline.odd_items import OddRow
from pkgintel.pipeline.page_copy import KnownPage
from pkgintel.pipeline.pages import PageStart
from pkgintel.pipeline.runs import Run
from pkgintel.pipeline.states import Action, PageKind
from pkgintel.upstream.client import Client
from pkgintel.upstream.leaves import Reject
from pkgintel.upstream.origins import CatalogAddress
from pkgintel.upstream.slots import Limit


@dataclass(frozen=True, slots=True)
class PageContent:
    """The `items` of a page, those that are `odd` and rejected for it, and the names of rejected ones that are `gone`.

    `newest` is the newest commit (ticks) that the page names.
    """

    items: list[Item]
    odd: list[Reject] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    newest: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where pages are read from: the database, and the catalog as this process reaches it."""

    db: database.Database
    client: Client
    address: CatalogAddress
    limit: Limit

    def copy(self, page_url: str, known: KnownPage, rows: Mapping[str, OddRow]) -> Listing:
        """The page, at least as new as its `rows` of odd items show. Raises: UpstreamUnavailable, UpstreamChanged."""
        commits = [one for one in (known.commit, odd_items.newest(rows)) if one is not None]
        at_least = KnownPage(max(commits, default=None), known.count)
        found = page_copy.fetch(self.client, self.address, page_url, self.limit, at_least)
        if page_copy.missing(found, at_least):
            with self.db.connection() as conn:
                page_copy.require_full(conn, page_url, found, at_least)
        return found


def read(source: Source, run: Run, page_url: str, start: PageStart, odd: Mapping[str, OddRow]) -> PageContent:
    """What page `page_url` of `run` holds; `start` has its kind and what the index says of it, `odd` its odd items.

    Raises: UpstreamUnavailable, UpstreamChanged.
    """
    if start.kind is PageKind.PACKAGE:
        with source.db.connection() as conn:
            items = _items(database.every(conn, "replay/package_items", package_key=page_url))
        return PageContent(items, newest=_newest(items))
    if start.kind is PageKind.REJECTED:
        return _rejected(source, page_url, odd)
    found = source.copy(page_url, KnownPage(start.page_ticks, start.page_count), odd)
    scan = run.action is Action.SCAN
    wanted = odd_items.wanted_by_scan(run.plan.after if scan else window.BEGINNING, run.plan.floor)
    # A replay of some time may leave out what stands in the place of an odd item now.
    whole = scan or run.plan.up_to > instant.latest()
    gone = odd_items.gone(found, odd) if whole else []
    return PageContent(found.items, odd_items.rejects(found, page_url, odd, wanted), gone, _newest(found.items, found))


def _rejected(source: Source, page_url: str, rows: Mapping[str, OddRow]) -> PageContent:
    """The rejected leaves of a page. Where lines of it are among them, the page itself is asked for again."""
    with source.db.connection() as conn:
        items = _items(database.every(conn, "replay/rejected_items", page_url=page_url))
    if not any(row.open for row in rows.values()):
        return PageContent(items, newest=_newest(items))
    found = source.copy(page_url, KnownPage(), rows)
    gone = odd_items.gone(found, rows)
    if gone:
        with source.db.connection() as conn:
            mended = events.unknown(conn, found.items, window.BEGINNING)
        items = list({item.url: item for item in [*items, *mended]}.values())
    odd = odd_items.rejects(found, page_url, rows, odd_items.not_accepted)
    return PageContent(items, odd, gone, _newest(items))


def _items(rows: list[database.Row]) -> list[Item]:
    return [Item(row["url"], row["kind"], row["ticks"], row["package_id"], row["version"]) for row in rows]


def _newest(items: list[Item], found: Listing | None = None) -> int | None:
    odd = [item.commit for item in found.odd if item.commit is not None] if found else []
    return max([*(item.commit for item in items), *odd], default=None)
