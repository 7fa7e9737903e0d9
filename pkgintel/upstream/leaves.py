"""The leaves of a page: fetched side by side, read in batches, each an event or a reject.

Called from outside of the wire's loop, as `sources` is.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pkgintel.nuget import documents
from pkgintel.nuget.documents import BOM, Event, Item
from pkgintel.upstream.answers import NotHad, NotJson
from pkgintel.upstream.client import Gauge, Manner, Wire
from pkgintel.upstream.origins import CatalogAddress

REJECTED_BYTES = 1_000_000  # Kept of a rejected body: every real leaf whole.
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
class Fetched:
    """The leaves of some items, each list in the order of the items."""

    events: list[Event]
    rejected: list[Reject]


def fetch_leaves(
    wire: Wire,
    place: CatalogAddress,
    items: Sequence[Item],
    gauge: Gauge,
    on_progress: Callable[[int, int], None] | None = None,
) -> Fetched:
    """The events that `items` announce, and what had to be rejected.

    `on_progress(done, total)` is called about once a second in the calling thread; what it raises ends the fetch.
    Raises: UpstreamUnavailable when one leaf met trouble that outlasted its tries; the others are cancelled then.
    """
    outcomes: list[Event | Reject | None] = [None] * len(items)
    unread: list[tuple[int, bytes]] = []
    broken: list[tuple[int, bytes]] = []  # No JSON when they came first: they are asked for again.
    manner = Manner(wire.settings.max_leaf_bytes, place.allows, place.public, gauge)
    room = 4 * wire.settings.max_page_bytes  # For all leaves of the page together: no page may fill the memory.
    done = 0

    def take(item: Item, body: bytes) -> bytes:
        nonlocal room
        if len(body) > room:
            raise NotHad("too-large", f"{item.url}: with it, the leaves of its page would fill the memory")
        room -= len(body)
        return body

    async def bring(number: int) -> None:
        nonlocal done
        item = items[number]
        try:
            body = await wire.fetch(item.url, manner, lambda body, _: take(item, body))
        except NotHad as error:
            reject(number, error.reason, str(error), error.body)
        else:
            unread.append((number, body))
            if len(unread) >= BATCH or len(body) > LARGE:
                read()
        done += 1

    def read() -> None:
        nonlocal room
        for number, body in unread:
            try:
                outcomes[number] = _event(items[number], body)
            except NotJson:
                broken.append((number, body))
            except _Breach as breach:
                room += len(body)
                reject(number, "schema", str(breach), breach.body)
        unread.clear()

    async def bring_again(number: int, broken_body: bytes) -> None:
        nonlocal room
        item = items[number]
        room += len(broken_body)

        def whole(body: bytes, _: str) -> Event:
            found = _event(item, body)
            take(item, body)
            return found

        try:
            outcomes[number] = await wire.fetch(item.url, manner, whole, NotJson(broken_body))
        except NotHad as error:
            reject(number, error.reason, str(error), error.body)
        except _Breach as breach:
            reject(number, "schema", str(breach), breach.body)

    def reject(number: int, reason: str, error: str, body: bytes | None) -> None:
        nonlocal room
        kept = None if body is None else body[: min(REJECTED_BYTES, max(room, 0))]
        room -= len(kept or b"")
        outcomes[number] = Reject(items[number], reason, error[:2000], kept)

    async def everything() -> None:
        await _side_by_side(gauge.width, (bring(number) for number in range(len(items))), len(items))
        read()
        await _side_by_side(gauge.width, (bring_again(*one) for one in broken), len(broken))

    def tick() -> None:
        if on_progress is not None:
            on_progress(done, len(items))

    if items:
        wire.run(everything(), tick)
        tick()
    return Fetched(
        events=[one for one in outcomes if isinstance(one, Event)],
        rejected=[one for one in outcomes if isinstance(one, Reject)],
    )


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


class _Breach(ValueError):
    """A leaf that is JSON but not as promised."""

    def __init__(self, message: str, body: bytes) -> None:
        super().__init__(message)
        self.body = body


def _event(item: Item, body: bytes) -> Event:
    """The event of a leaf. Raises: NotJson; _Breach."""
    try:
        return documents.event(item, body.removeprefix(BOM))
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
            raise NotJson(body) from None
        raise _Breach(documents.breach(error), body) from None
    except ValueError as error:
        raise _Breach(str(error), body) from None
