"""The leaves of a page: fetched side by side, read in batches, each an event or a reject.

Called from outside of the client's loop, as `sources` is.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pkgintel.nuget import documents
from pkgintel.nuget.documents import BOM, Event, Item
from pkgintel.nuget.fields import is_dense
from pkgintel.upstream.answers import BrokenLeaf, NotJson, Unobtainable
from pkgintel.upstream.body import Room
from pkgintel.upstream.client import Client, Request
from pkgintel.upstream.origins import CatalogAddress
from pkgintel.upstream.slots import Limit

REJECTED_BYTES = 64_000  # Kept of a rejected body: real leaves are smaller, but for one in some ten thousand.
MOST_VALUES = 2_000_000  # Of a leaf; parsing takes up to 140 bytes for each.
LARGE = 100_000  # Bytes of a leaf that ends its batch, so that no batch holds up the loop.
BATCH = 32  # Leaves that are read one after the other, which costs half of reading each as it comes.


@dataclass(frozen=True, slots=True)
class Reject:
    """A leaf that cannot be fetched or read, for `ops.rejected_leaves`.

    `reason` is one of missing, redirect, too-large, not-json, schema, address; item for a line that names no leaf.
    """

    item: Item
    reason: str
    error: str
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Leaves:
    """The leaves of some items, each list in the order of the items."""

    events: list[Event]
    rejected: list[Reject]


def fetch_leaves(
    client: Client,
    catalog: CatalogAddress,
    items: Sequence[Item],
    limit: Limit,
    on_progress: Callable[[int, int], None] | None = None,
) -> Leaves:
    """The events that `items` announce, and what had to be rejected.

    `on_progress(done, total)` is called about once a second in the calling thread; what it raises ends the fetch.
    Raises: UpstreamUnavailable when one leaf met trouble that outlasted its tries; the others are cancelled then.
    """
    fetch = LeafFetch(client, catalog, items, limit)

    def tick() -> None:
        if on_progress is not None:
            on_progress(fetch.done, len(items))

    if items:
        client.run(fetch.all(), tick)
        tick()
    return fetch.result()


class LeafFetch:
    """The leaves of some items under way, each on its own way to an event or a reject; lives in the client's loop.

    A body waits for others to be read with; one that is no JSON is asked for again in the end.
    """

    def __init__(self, client: Client, catalog: CatalogAddress, items: Sequence[Item], limit: Limit) -> None:
        settings = client.settings
        self.done = 0  # Leaves that came or will not come.
        self._client = client
        self._items = items
        under_way = Room(2 * settings.max_page_bytes)
        self._request = Request(settings.max_leaf_bytes, catalog.allows, catalog.public, limit, under_way)
        self._width = limit.width
        self._room = 4 * settings.max_page_bytes  # For all leaves of the page together: no page may fill the memory.
        self._outcomes: list[Event | Reject | None] = [None] * len(items)
        self._unread: list[tuple[int, bytes]] = []
        self._broken: list[tuple[int, bytes]] = []  # No JSON when they came first.

    async def all(self) -> None:
        """Fetch and read every leaf, as many at once as the limit may ever allow. Raises: UpstreamUnavailable."""
        count = len(self._items)
        await _side_by_side(self._width, (self._bring(number) for number in range(count)), count)
        self._read()
        await _side_by_side(self._width, (self._bring_again(*one) for one in self._broken), len(self._broken))

    def result(self) -> Leaves:
        """What became of the leaves, in the order of their items."""
        return Leaves(
            events=[one for one in self._outcomes if isinstance(one, Event)],
            rejected=[one for one in self._outcomes if isinstance(one, Reject)],
        )

    async def _bring(self, number: int) -> None:
        """Fetch one leaf, and read it once enough have come."""
        item = self._items[number]
        try:
            body = await self._client.fetch(item.url, self._request, lambda body, _: self._keep(item, body))
        except Unobtainable as error:
            self._reject(number, error.reason, str(error), error.body)
        else:
            self._unread.append((number, body))
            if len(self._unread) >= BATCH or len(body) > LARGE:
                self._read()
        self.done += 1

    def _read(self) -> None:
        for number, body in self._unread:
            try:
                self._outcomes[number] = _event(self._items[number], body)
            except NotJson:
                self._broken.append((number, body))
            except BrokenLeaf as breach:
                self._room += len(body)
                self._reject(number, "schema", str(breach), breach.body)
        self._unread.clear()

    async def _bring_again(self, number: int, broken_body: bytes) -> None:
        """Fetch and read once more what was no JSON."""
        item = self._items[number]
        self._room += len(broken_body)

        def whole(body: bytes, _: str) -> Event:
            found = _event(item, body)
            self._keep(item, body)
            return found

        try:
            self._outcomes[number] = await self._client.fetch(item.url, self._request, whole, NotJson(broken_body))
        except Unobtainable as error:
            self._reject(number, error.reason, str(error), error.body)
        except BrokenLeaf as breach:
            self._reject(number, "schema", str(breach), breach.body)

    def _keep(self, item: Item, body: bytes) -> bytes:
        """`body`, which takes up its room. Raises: Unobtainable where there is none left."""
        if len(body) > self._room:
            raise Unobtainable("too-large", f"{item.url}: with it, the leaves of its page would fill the memory")
        self._room -= len(body)
        return body

    def _reject(self, number: int, reason: str, error: str, body: bytes | None) -> None:
        kept = None if body is None else body[: min(REJECTED_BYTES, max(self._room, 0))]
        self._room -= len(kept or b"")
        self._outcomes[number] = Reject(self._items[number], reason, error[:2000], kept)


async def _side_by_side(width: int, all_of_them: Iterator[Coroutine[Any, Any, None]], count: int) -> None:
    """Await `count` coroutines, made as they are needed, at most `width` at once; the first error ends them all."""

    async def work() -> None:
        for one in all_of_them:
            await one

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(width, count)):
                group.create_task(work())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


def _event(item: Item, body: bytes) -> Event:
    """The event of a leaf. Raises: NotJson; BrokenLeaf."""
    if is_dense(body, MOST_VALUES):
        raise BrokenLeaf(f"it holds more than {MOST_VALUES:,} values", body)
    try:
        return documents.event(item, body.removeprefix(BOM))
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
            raise NotJson(body) from None
        raise BrokenLeaf(documents.breach(error), body) from None
    except ValueError as error:
        raise BrokenLeaf(str(error), body) from None
