"""What is fetched: the service index, the catalog's index, its pages and leaves, and plain files as the SPDX lists.

Everything here is called from outside of the wire's loop and returns parsed documents, or raises what the task that
called it should end with: `UpstreamUnavailable` (time may heal it) or `UpstreamChanged` (a person should look).
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import pydantic_core
from pydantic import ValidationError

from pkgintel import address, catalog
from pkgintel.address import CatalogAddress
from pkgintel.answers import NotHad, NotJson
from pkgintel.catalog import AnyDocument, Event, Index, Item, Page
from pkgintel.errors import UpstreamChanged, UpstreamUnavailable
from pkgintel.wire import Gauge, Manner, Wire

CATALOG = "Catalog/3.0.0"
BOM = b"\xef\xbb\xbf"  # Some writers begin UTF-8 with it; neither pydantic nor Postgres takes it for JSON.
REJECTED_BYTES = 1_000_000  # Kept of a rejected body: every real leaf whole.


@dataclass(frozen=True, slots=True)
class Reject:
    """A leaf that cannot be had or read, for `ops.rejected_leaves`.

    `reason` is one of missing, redirect, too-large, not-json, schema, address.
    """

    item: Item
    reason: str
    error: str
    body: bytes | None

    @property
    def text(self) -> str | None:
        """The body as text that Postgres can hold."""
        return None if self.body is None else self.body.decode("utf-8", "replace").replace("\0", "\ufffd")


@dataclass(frozen=True, slots=True)
class Fetched:
    """The leaves of some items, each list in the order of the items."""

    events: list[Event]
    rejected: list[Reject]


def discover(wire: Wire, url: str, gauge: Gauge | None = None, *, max_age: float = 0.0) -> CatalogAddress:
    """The catalog that `url` leads to, a service index or a catalog index itself.

    An answer that this process got in the last `max_age` seconds is used again.
    Raises: UpstreamUnavailable; UpstreamChanged when it is neither, or names a catalog that may not be asked.
    Source: NuGet docs "Service index"; the resource's type is Catalog/3.0.0.
    """
    at, known = wire.memory.get(url, (0.0, None))
    if known is not None and time.monotonic() - at < max_age:
        return known
    found = wire.run(_discover(wire, url, gauge))
    wire.memory[url] = (time.monotonic(), found)
    return found


def fetch_index(wire: Wire, place: CatalogAddress, gauge: Gauge | None = None) -> Index:
    """The catalog's index, the addresses of its pages made absolute. Raises: UpstreamUnavailable, UpstreamChanged."""
    return wire.run(_document(wire, place, place.index_url, gauge, Index))


def fetch_page(wire: Wire, place: CatalogAddress, url: str, gauge: Gauge | None = None) -> Page:
    """A page, the addresses of its leaves made absolute. Raises: UpstreamUnavailable, UpstreamChanged.

    A page that is not there counts as unavailable: the index that named it may be ahead of another server of the CDN.
    """
    return wire.run(_document(wire, place, url, gauge, Page))


def fetch_bytes(wire: Wire, url: str, gauge: Gauge | None = None) -> bytes:
    """The file at `url`, an address which an operator chose.

    It may redirect within its own origin or to any https address; to a private one only if it is at one itself.
    Raises: UpstreamUnavailable, UpstreamChanged.
    """
    return wire.run(_file(wire, url, gauge))


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
    done = 0

    async def work(numbered: Iterator[tuple[int, Item]]) -> None:
        nonlocal done
        for number, item in numbered:
            outcomes[number] = await leaf(item)
            done += 1

    manner = Manner(wire.settings.max_leaf_bytes, place.allows, place.public, gauge)
    room = 4 * wire.settings.max_page_bytes  # For all leaves of the page together: no page may fill the memory.

    async def leaf(item: Item) -> Event | Reject:
        def read(body: bytes, _: str) -> Event:
            nonlocal room
            if len(body) > room:
                raise NotHad("too-large", f"{item.url}: with it, the leaves of its page would fill the memory")
            found = _event(item, body)
            room -= len(body)
            return found

        try:
            return await wire.fetch(item.url, manner, read)
        except NotHad as error:
            return reject(item, error.reason, str(error), error.body)
        except _Breach as breach:
            return reject(item, "schema", str(breach), breach.body)

    def reject(item: Item, reason: str, error: str, body: bytes | None) -> Reject:
        nonlocal room
        kept = None if body is None else body[: min(REJECTED_BYTES, max(room, 0))]
        room -= len(kept or b"")
        return Reject(item, reason, error[:2000], kept)

    async def everything() -> None:
        numbered = enumerate(items)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(gauge.width, len(items))):
                    group.create_task(work(numbered))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

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


class _Breach(ValueError):
    """A leaf that is JSON but not as promised."""

    def __init__(self, message: str, body: bytes) -> None:
        super().__init__(message)
        self.body = body


def _event(item: Item, body: bytes) -> Event:
    """The event of a leaf. Raises: NotJson; _Breach."""
    try:
        return catalog.event(item, body.removeprefix(BOM))
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
            raise NotJson(body) from None
        raise _Breach(catalog.breach(error), body) from None
    except ValueError as error:
        raise _Breach(str(error), body) from None


async def _document(
    wire: Wire, place: CatalogAddress, url: str, gauge: Gauge | None, kind: type[AnyDocument]
) -> AnyDocument:
    manner = Manner(wire.settings.max_page_bytes, place.allows, place.public, gauge)

    def read(body: bytes, found: str) -> AnyDocument:
        try:
            return _absolute(catalog.parse(kind, body.removeprefix(BOM), url), found)
        except UpstreamChanged:
            _json(body)  # Broken JSON is worth another try, a broken promise is not.
            raise

    try:
        return await wire.fetch(url, manner, read)
    except NotHad as error:
        raise _not_had(error, url) from None


def _absolute(document: AnyDocument, base: str) -> AnyDocument:
    """The document with the addresses in it resolved against its own; real ones are absolute already."""
    field = "pages" if isinstance(document, Index) else "items"
    lines = getattr(document, field)
    if all("://" in line.url for line in lines):
        return document
    return document.model_copy(
        update={field: [line.model_copy(update={"url": urljoin(base, line.url)}) for line in lines]}
    )


def _json(body: bytes) -> Any:
    """The JSON value in `body`. Raises: NotJson."""
    try:
        return pydantic_core.from_json(body.removeprefix(BOM))
    except ValueError:
        raise NotJson(body) from None


def _not_had(error: NotHad, url: str) -> UpstreamUnavailable | UpstreamChanged:
    return UpstreamUnavailable(str(error), url) if error.reason == "missing" else UpstreamChanged(str(error), url)


async def _discover(wire: Wire, url: str, gauge: Gauge | None) -> CatalogAddress:
    try:
        own = address.origin(url)
    except ValueError as error:
        raise UpstreamChanged(f"{url[:200]} is not the address of a catalog: {error}", url) from None
    # Before it is read it can vouch for nobody, so only the step from http to https is followed.
    first = CatalogAddress(url, frozenset({own, own.replace("http:", "https:", 1)}), public=False)
    manner = Manner(wire.settings.max_page_bytes, first.allows, first.public, gauge)
    try:
        document, found = await wire.fetch(url, manner, lambda body, found: (_json(body), found))
    except NotHad as error:
        raise UpstreamChanged(f"no catalog can be found: {error}", url) from None
    public = await wire.is_public(address.host(found))
    resources = document.get("resources") if isinstance(document, dict) else None
    if isinstance(resources, list):
        named = [one for one in resources if isinstance(one, dict) and isinstance(one.get("@id"), str)]
        index_url = next((urljoin(found, one["@id"]) for one in named if CATALOG in _types(one)), None)
        if index_url is None:
            raise UpstreamChanged(f"{url} is a service index that names no {CATALOG}", url)
    elif isinstance(document, dict) and isinstance(document.get("items"), list) and "commitTimeStamp" in document:
        named, index_url = [], found
    else:
        raise UpstreamChanged(f"{url} is neither a NuGet V3 service index nor a catalog index", url)
    try:
        mentioned = [urljoin(found, one["@id"]) for one in named] + [found]
        origins = address.named(url, index_url, mentioned, public=public)
    except ValueError as error:
        raise UpstreamChanged(f"{url} names a catalog that is not asked: {error}", url) from None
    return CatalogAddress(index_url, origins, public)


def _types(resource: dict[str, Any]) -> list[Any]:
    kinds = resource.get("@type")
    return kinds if isinstance(kinds, list) else [kinds]


async def _file(wire: Wire, url: str, gauge: Gauge | None) -> bytes:
    try:
        own = address.origin(url)
    except ValueError as error:
        raise UpstreamChanged(f"{url[:200]} is not an address: {error}", url) from None
    public = await wire.is_public(address.host(url))

    def allows(target: str) -> str | None:
        try:
            found = address.origin(target)
        except ValueError as error:
            return str(error)
        if found != own and not found.startswith("https:"):
            return f"{found} is neither https nor the same host"
        if public and not address.is_public_name(address.host(target)):
            return f"{found} is a private address"
        return None

    try:
        return await wire.fetch(url, Manner(wire.settings.max_page_bytes, allows, public, gauge), lambda body, _: body)
    except NotHad as error:
        raise _not_had(error, url) from None
