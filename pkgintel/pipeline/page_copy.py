"""One copy of a page or an index, as a server gave it: taken only when it is as new and as full as it should be."""

from dataclasses import asdict, dataclass

from pkgintel import database
from pkgintel.errors import SettingsError, UpstreamUnavailable
from pkgintel.nuget import instant
from pkgintel.nuget.documents import Index
from pkgintel.nuget.listing import Listing
from pkgintel.text import quoted
from pkgintel.upstream import sources
from pkgintel.upstream.client import Client
from pkgintel.upstream.origins import CatalogAddress
from pkgintel.upstream.slots import Limit


@dataclass(frozen=True, slots=True)
class KnownPage:
    """What is known of a page before it is asked for: its newest commit (ticks) and how many items it has, or None."""

    commit: int | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class AcceptedCount:
    """That a page which promises so many items holds fewer, as `by` accepted it for the reason `why`.

    The same of the index and its pages.
    """

    page_url: str
    promised: int
    items: int
    why: str
    by: str
    is_index: bool = False


def fetch(client: Client, address: CatalogAddress, page_url: str, limit: Limit | None, known: KnownPage) -> Listing:
    """The page at `page_url`; items may be missing (`missing`).

    Raises: UpstreamUnavailable for an older copy than is `known`, which another try may find new; UpstreamChanged.
    """
    found = sources.fetch_page(client, address, page_url, limit)
    if known.commit is not None and found.newest < known.commit:
        have, told = instant.timestamp(found.newest), instant.timestamp(known.commit)
        raise UpstreamUnavailable(f"{page_url} came as an older copy, of {have}; {told} is known", page_url)
    return found


def missing(found: Listing, known: KnownPage) -> int:
    """How many of the promised items of a page are not there."""
    return max(promised(found, known) - found.lines, 0)


def require_full(conn: database.Connection, page_url: str, found: Listing, known: KnownPage) -> None:
    """Raises: UpstreamUnavailable where a page lacks more items than were accepted, which another copy may have."""
    if missing(found, known) > accepted(conn, page_url):
        raise _short(page_url, found.lines, promised(found, known), "items")


def require_whole(conn: database.Connection, index: Index, url: str) -> None:
    """Raises: UpstreamUnavailable where the index at `url` names fewer pages than it counts: new ones may hide them."""
    count, named = index.count or 0, len(index.pages)
    if count - named > accepted(conn, url):
        raise _short(url, named, count, "pages")


def _short(url: str, lines: int, count: int, of_what: str) -> UpstreamUnavailable:
    return UpstreamUnavailable(
        f"{url} came as a short copy, with {lines:,} of the {count:,} {of_what} that are "
        f'counted; if it stays so: pkgintel reprocess --page {quoted(url)} --accept-count --why "…"',
        url,
    )


def promised(found: Listing, known: KnownPage) -> int:
    """How many items the page itself or the index says that it holds; the index may be older, so the most counts."""
    return max(found.count or 0, known.count or 0)


def accepted(conn: database.Connection, page_url: str) -> int:
    """How many promised items of a page may be missing, because an operator accepted that."""
    row = database.one(conn, "events/accepted_count", page_url=page_url)
    return row["missing"] if row else 0


def accept(
    conn: database.Connection, page_url: str, promised: int, items: int, *, why: str, by: str, is_index: bool = False
) -> AcceptedCount:
    """Accept that a page holds fewer items than are promised of it: from now on as many may be missing, and no more.

    Of the index it is the pages that count.

    Raises: SettingsError without a reason, or when none is missing.
    """
    if not why.strip():
        raise SettingsError('Accepting a count needs a reason, which is recorded: --why "…".')
    if items >= promised:
        parts = "pages" if is_index else "items"
        raise SettingsError(f"{page_url} holds all of its {promised:,} {parts}, so there is nothing to accept.")
    count_accepted = AcceptedCount(page_url, promised, items, why.strip(), by, is_index)
    database.run(conn, "events/accept_count", **asdict(count_accepted))
    return count_accepted
