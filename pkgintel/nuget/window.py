"""Which pages a scan reads, and which of their items: the only place that compares commits with the watermark.

A window is `(after, up_to]`. Real pages overlap by seconds, share stamps and split a commit, so a scan also lists again
the pages of the last `overlap` before the watermark. Of a page it lists, it takes all items up to `up_to` that are not
stored yet: a page may hold items far older than its neighbour's newest, so the watermark says nothing about them.
"""

from collections.abc import Collection
from dataclasses import dataclass

from pkgintel.nuget.documents import Index, Item, PageEntry
from pkgintel.nuget.instant import ticks

# The year 1, before every commit: an empty database that starts here reads the whole catalog.
BEGINNING = ticks("0001-01-01T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Plan:
    """What one scan does: read `pages`, keep items in `(floor, up_to]`, move the watermark from `after` to `up_to`.

    All times are ticks. `more` says that pages remain for a next scan; `newest` is the newest commit of the index.
    """

    after: int
    floor: int
    up_to: int
    pages: tuple[PageEntry, ...]
    more: bool
    newest: int


def plan(
    index: Index,
    *,
    watermark: int | None,
    origin: int,
    overlap: int,
    limit: int,
    read: Collection[tuple[str, int]] = (),
    grown: Collection[str] = (),
) -> Plan | None:
    """The next scan, or None when no page is newer than the watermark (caught up) and none is left to list again.

    `watermark` is None on an empty database, which starts after `origin` and never reads before it. At most `limit`
    pages are taken, oldest first. `read` holds the (url, commit) of pages that earlier scans of the same chain have
    read, of those behind `overlapped`; such a chain goes on until every page, also of the overlap, was listed once.
    `grown` are pages that held items newer than their window when last read: they come along again, whatever the index
    (perhaps a stale copy) says.
    """
    after = origin if watermark is None else watermark
    again_after = overlapped(watermark, origin, overlap)
    ordered = sorted(index.pages, key=lambda page: (page.commit, page.url))
    newest = ordered[-1].commit if ordered else after
    if newest <= after and not read:
        return None
    wanted = [page for page in ordered if page.commit > again_after and (page.url, page.commit) not in read]
    if not wanted:
        return None
    again: list[PageEntry] = []
    if any(page.commit > after for page in wanted):
        # Never all that a scan takes: with a stale index they stay grown, and the chain would not come to its end.
        again = [page for page in ordered if page.url in grown and page not in wanted][: limit - 1]
    new = wanted[: _cut(wanted, limit - len(again))]
    taken = again + new
    return Plan(
        after=after,
        floor=origin,
        up_to=max(after, *(page.commit for page in taken)),
        pages=tuple(taken),
        more=len(wanted) > len(new),
        newest=newest,
    )


def overlapped(watermark: int | None, origin: int, overlap: int) -> int:
    """The commit behind which a scan lists pages, all in ticks: the overlap before the watermark, and never further."""
    return origin if watermark is None else max(origin, watermark - overlap - 1)


def _cut(wanted: list[PageEntry], limit: int) -> int:
    """How many of `wanted` one scan takes: `limit`, or fewer, so that pages of one stamp are never parted.

    The watermark comes to stand at the stamp of the last page taken, and a page it left behind with that very stamp
    would not be newer than it. Only where more than `limit` pages share a stamp does a scan take more.
    """
    if len(wanted) <= limit:
        return len(wanted)
    end = limit
    while end and wanted[end - 1].commit == wanted[end].commit:
        end -= 1
    if end:
        return end
    return next((n for n, page in enumerate(wanted) if page.commit != wanted[0].commit), len(wanted))


def inside(items: Collection[Item], *, floor: int, up_to: int) -> list[Item]:
    """The items committed in `(floor, up_to]`."""
    return [item for item in items if floor < item.commit <= up_to]
