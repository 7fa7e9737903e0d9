"""What is fetched: the service index, the catalog's index, its pages and leaves, and plain files as the SPDX lists.

Everything here is called from outside of the client's loop and returns parsed documents, or raises what the task that
called it should end with: `UpstreamUnavailable` (time may heal it) or `UpstreamChanged` (a person should look).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urljoin

import pydantic_core
from pydantic import JsonValue

from pkgintel.errors import UpstreamChanged, UpstreamUnavailable
from pkgintel.nuget import documents, listing
from pkgintel.nuget.documents import BOM, Index
from pkgintel.nuget.fields import is_dense
from pkgintel.nuget.instant import latest
from pkgintel.nuget.listing import Listing
from pkgintel.upstream import origins
from pkgintel.upstream.answers import NotJson, Unobtainable
from pkgintel.upstream.client import Client, Request
from pkgintel.upstream.origins import CatalogAddress
from pkgintel.upstream.slots import Limit

MOST_VALUES = 1_000_000  # Of an index, page or list, which become Python's own objects.
CATALOG = "Catalog/3.0.0"
PACKAGE_BASE = "PackageBaseAddress/3.0.0"
Parsed = TypeVar("Parsed")


def discover(client: Client, url: str, limit: Limit | None = None) -> CatalogAddress:
    """The catalog that `url` leads to, a service index or a catalog index itself.

    Raises: UpstreamUnavailable; UpstreamChanged when it is neither, or names a catalog that may not be asked.
    Source: NuGet docs "Service index"; the resource's type is Catalog/3.0.0.
    """
    return client.run(_discover(client, url, limit))


def package_base(client: Client, url: str) -> tuple[CatalogAddress, str] | None:
    """Where the service index at `url` keeps its packages: what may be asked, and the base address, with a slash.

    None where it names no such place, or is a catalog index itself.
    Raises: UpstreamUnavailable, UpstreamChanged. Source: NuGet docs "Package Content"; PackageBaseAddress/3.0.0.
    """
    address = discover(client, url)
    document = _json(fetch_bytes(client, url))
    resources = document.get("resources") if isinstance(document, dict) else None
    for one in resources if isinstance(resources, list) else []:
        place = one.get("@id") if isinstance(one, dict) and PACKAGE_BASE in _types(one) else None
        if isinstance(place, str):
            base = urljoin(url, place).rstrip("/") + "/"
            return None if address.allows(base) else (address, base)
    return None


def fetch_index(client: Client, catalog: CatalogAddress, limit: Limit | None = None) -> Index:
    """The catalog's index, the addresses of its pages made absolute.

    Raises: UpstreamUnavailable; UpstreamChanged, also when it or an entry of it says a time in the future.
    """
    return client.run(_document(client, catalog, catalog.index_url, limit, _index))


def fetch_page(client: Client, catalog: CatalogAddress, url: str, limit: Limit | None = None) -> Listing:
    """A page, the addresses of its leaves made absolute. Raises: UpstreamUnavailable, UpstreamChanged.

    A page that is not there counts as unavailable: the index that named it may be ahead of another server of the CDN.
    """
    return client.run(
        _document(client, catalog, url, limit, lambda body, asked, found: listing.parse(body, asked, found, latest()))
    )


def fetch_bytes(client: Client, url: str, limit: Limit | None = None) -> bytes:
    """The file at `url`, an address which an operator chose.

    It may redirect within its own origin or to any https address; to a private one only if it is at one itself.
    Raises: UpstreamUnavailable, UpstreamChanged.
    """
    return client.run(_file(client, url, limit))


async def _document(
    client: Client, catalog: CatalogAddress, url: str, limit: Limit | None, parse: Callable[[bytes, str, str], Parsed]
) -> Parsed:
    """What `parse(body, address asked for, address found at)` makes of a document of the catalog."""
    request = Request(client.settings.max_page_bytes, catalog.allows, catalog.public, limit)

    def read(body: bytes, found: str) -> Parsed:
        try:
            return parse(_sparse(body, url).removeprefix(BOM), url, found)
        except UpstreamChanged:
            _json(body)  # Broken JSON is worth another try, a broken promise is not.
            raise

    try:
        return await client.fetch(url, request, read)
    except Unobtainable as error:
        raise _not_obtained(error, url) from None


def _index(body: bytes, url: str, base: str) -> Index:
    """The index in `body`; the addresses of real ones are absolute already."""
    index, until = documents.parse(Index, body, url), latest()
    listing.refuse_future(f"index {url}", index.commit, until, url)
    for entry in index.pages:
        listing.refuse_future(f"index {url}, of its page {entry.url},", entry.commit, until, url)
    if all("://" in entry.url for entry in index.pages):
        return index
    try:
        pages = [replace(entry, url=urljoin(base, entry.url)) for entry in index.pages]
    except ValueError as error:
        raise UpstreamChanged(f"index {url} names a page whose address is none: {error}", url) from None
    return index.model_copy(update={"pages": pages})


def _json(body: bytes) -> JsonValue:
    """The JSON value in `body`. Raises: NotJson."""
    try:
        found: JsonValue = pydantic_core.from_json(body.removeprefix(BOM))
    except ValueError:
        raise NotJson(body) from None
    return found


def _sparse(body: bytes, url: str) -> bytes:
    """`body`, of which parsing will not fill the memory. Raises: UpstreamChanged."""
    if is_dense(body, MOST_VALUES):
        raise UpstreamChanged(f"{url} holds more than {MOST_VALUES:,} values", url)
    return body


def _not_obtained(error: Unobtainable, url: str) -> UpstreamUnavailable | UpstreamChanged:
    return UpstreamUnavailable(str(error), url) if error.reason == "missing" else UpstreamChanged(str(error), url)


async def _discover(client: Client, url: str, limit: Limit | None) -> CatalogAddress:
    try:
        own = origins.origin(url)
    except ValueError as error:
        raise UpstreamChanged(f"{url[:200]} is not the address of a catalog: {error}", url) from None
    # Before it is read it can vouch for nobody, so only the step from http to https is followed.
    first = CatalogAddress(url, frozenset({own, own.replace("http:", "https:", 1)}), public=False)
    request = Request(client.settings.max_page_bytes, first.allows, first.public, limit)
    try:
        document, found = await client.fetch(url, request, lambda body, found: (_json(_sparse(body, url)), found))
    except Unobtainable as error:
        raise UpstreamChanged(f"no catalog can be found: {error}", url) from None
    public = await client.is_public(origins.host(found))
    resources = document.get("resources") if isinstance(document, dict) else None
    if isinstance(resources, list):
        said = [(one.get("@id"), _types(one)) for one in resources if isinstance(one, dict)]
        named = [(place, types) for place, types in said if isinstance(place, str)]
        index_url = next((urljoin(found, place) for place, types in named if CATALOG in types), None)
        if index_url is None:
            raise UpstreamChanged(f"{url} is a service index that names no {CATALOG}", url)
    elif isinstance(document, dict) and isinstance(document.get("items"), list) and "commitTimeStamp" in document:
        named, index_url = [], found
    else:
        raise UpstreamChanged(f"{url} is neither a NuGet V3 service index nor a catalog index", url)
    try:
        mentioned = [urljoin(found, place) for place, _ in named] + [found]
        allowed = origins.named(url, index_url, mentioned, public=public)
    except ValueError as error:
        raise UpstreamChanged(f"{url} names a catalog that is not asked: {error}", url) from None
    return CatalogAddress(index_url, allowed, public)


def _types(resource: dict[str, JsonValue]) -> list[JsonValue]:
    kinds = resource.get("@type")
    return kinds if isinstance(kinds, list) else [kinds]


async def _file(client: Client, url: str, limit: Limit | None) -> bytes:
    try:
        own = origins.origin(url)
    except ValueError as error:
        raise UpstreamChanged(f"{url[:200]} is not an address: {error}", url) from None
    public = await client.is_public(origins.host(url))

    def allows(target: str) -> str | None:
        try:
            found = origins.origin(target)
        except ValueError as error:
            return str(error)
        if found != own and not found.startswith("https:"):
            return f"{found} is neither https nor the same host"
        if public and not origins.is_public_name(origins.host(target)):
            return f"{found} is a private address"
        if found != own and origins.is_literal(origins.host(target)):
            return f"{found} is an IP address and no name"
        return None

    try:
        return await client.fetch(
            url, Request(client.settings.max_page_bytes, allows, public, limit), lambda body, _: _sparse(body, url)
        )
    except Unobtainable as error:
        raise _not_obtained(error, url) from None
