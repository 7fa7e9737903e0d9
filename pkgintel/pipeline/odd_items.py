"""The items of a page that break their shape, as rejected leaves: which are known, which are new, which are gone.

Such a row is named by its page, the line it was first seen at and its content, for lines move when a page grows.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from pkgintel import database
from pkgintel.nuget.documents import Item
from pkgintel.nuget.fields import Kind
from pkgintel.nuget.listing import Listing, OddItem
from pkgintel.pipeline.runs import Row
from pkgintel.upstream.leaves import Reject

REASON = "item"
KEPT = 64_000  # Bytes of a line that are kept, which is a hundred times what a real one has.


class OddRow(Row):
    """What is known of an odd item: its name, its time (ticks), and how it was resolved unless it is `open`."""

    leaf_url: str
    commit_ticks: int
    resolution: str | None
    open: bool


def known(conn: database.Connection, page_url: str) -> dict[str, OddRow]:
    """The rows of a page's odd items, by the digest of their content."""
    rows = [OddRow.model_validate(row) for row in database.every(conn, "events/odd_items", page_url=page_url)]
    return {row.leaf_url.rpartition("-")[2]: row for row in rows}


def newest(rows: Mapping[str, OddRow]) -> int | None:
    """The newest commit (ticks) that is known of a page from its odd items."""
    return max((row.commit_ticks for row in rows.values()), default=None)


def wanted_by_scan(after: int, floor: int) -> Callable[[OddItem, OddRow | None], bool]:
    """Whether a scan from `after` on rejects an odd item that `row` describes; nothing up to `floor` is ever read.

    As with leaves, those up to `after` are accounted for, as are those an operator accepted. What an odd item says of
    its time may be as wrong as the rest, so it belongs to the first scan that meets it.
    """

    def wanted(item: OddItem, row: OddRow | None) -> bool:
        if item.commit is not None and item.commit <= floor:
            return False
        return row is None or (row.resolution != "accepted" and (not row.open or row.commit_ticks > after))

    return wanted


def not_accepted(_item: OddItem, row: OddRow | None) -> bool:
    """Whether a replay of the rejected leaves rejects an odd item again."""
    return row is None or row.resolution != "accepted"


def rejects(
    found: Listing,
    page_url: str,
    rows: Mapping[str, OddRow],
    wanted: Callable[[OddItem, OddRow | None], bool],
) -> list[Reject]:
    """The odd items of a page that are `wanted`, each under the name it was first given."""
    made = []
    for item in found.odd:
        row = rows.get(item.digest)
        if wanted(item, row):
            name = row.leaf_url if row else f"{page_url}#item-{item.number}-{item.digest}"
            made.append(Reject(_item(item, name, found), REASON, item.error, item.body[:KEPT]))
    return made


def gone(found: Listing, rows: Mapping[str, OddRow]) -> list[str]:
    """The names of rejected items that the page holds no more: it was mended upstream."""
    there: Sequence[str] = [item.digest for item in found.odd]
    return [row.leaf_url for digest, row in rows.items() if row.open and digest not in there]


def _item(odd: OddItem, name: str, found: Listing) -> Item:
    """What stands for it in the table; one that does not say when it was committed gets the time of its page.

    None is newer than its page: a page that is older than what is known of it is not taken.
    """
    return Item(
        url=name,
        kind=cast("Kind", odd.kind),  # None where it is what is wrong; no leaf is fetched by this item.
        commit=found.newest if odd.commit is None else min(odd.commit, found.newest),
        package_id=odd.package_id,
        version=odd.version,
    )
