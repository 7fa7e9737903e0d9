"""Package feeds: where a V3 source keeps its packages, and the documents of single versions there.

Source: NuGet docs "Service index" and "Package content": PackageBaseAddress/3.0.0 has {id}/index.json with the
versions, and {id}/{version}/{id}.nuspec, ids in lower case and versions normalised. Beside it nuget.org serves the
license file that lies inside a version.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote, urljoin

import pydantic_core
from pydantic import JsonValue

from pkgintel.errors import TryLater, UpstreamChanged, UpstreamError, UpstreamUnavailable
from pkgintel.nuget.documents import BOM
from pkgintel.nuget.fields import is_dense
from pkgintel.upstream import origins
from pkgintel.upstream.answers import NotJson, Unobtainable
from pkgintel.upstream.client import Client, Credentials, Request
from pkgintel.upstream.origins import CatalogAddress
from pkgintel.upstream.slots import Limit
from pkgintel.upstream.sources import PACKAGE_BASE

MOST_BYTES = 1_000_000  # Of a nuspec, a list of versions, a license file.
_MOST_VALUES = 1_000_000
_LOST = 8  # Requests in a row without an answer, after which nobody asks the source any more.


def folder(base: str, package_key: str, version_key: str) -> str:
    """Where below the base address of a source's packages a version lies, with a slash behind it."""
    return f"{base}{quote(package_key, safe='')}/{quote(version_key, safe='')}/"


def package(base: str, package_key: str, version_key: str) -> str:
    """The address of a version's package below the base address of a source's packages."""
    return f"{folder(base, package_key, version_key)}{quote(f'{package_key}.{version_key}', safe='')}.nupkg"


@dataclass(frozen=True, slots=True)
class Feed:
    """A V3 source that packages can be looked up at: its service index, and where its packages lie."""

    source: str
    address: CatalogAddress
    credentials: Credentials | None = field(default=None, repr=False)

    def nuspec(self, package_key: str, version_key: str) -> str:
        """The address of a version's nuspec."""
        return f"{folder(self.address.index_url, package_key, version_key)}{quote(package_key, safe='')}.nuspec"

    def license(self, package_key: str, version_key: str) -> str:
        """The address of the license file inside a version."""
        return f"{folder(self.address.index_url, package_key, version_key)}license"

    def package(self, package_key: str, version_key: str) -> str:
        """The address of a version's package."""
        return package(self.address.index_url, package_key, version_key)

    def versions(self, package_key: str) -> str:
        """The address of the list of a package's versions."""
        return f"{self.address.index_url}{quote(package_key, safe='')}/index.json"


@dataclass(frozen=True, slots=True)
class Found:
    """What came of one address: its body, or None where the source says that nothing is there, or an error."""

    body: bytes | None = None
    error: UpstreamError | None = None


class OutOfTime(UpstreamUnavailable):
    """The time that was given for asking is over."""


def find(client: Client, url: str, limit: Limit, credentials: Credentials | None = None) -> Feed:
    """The feed whose V3 service index is at `url`.

    Raises: UpstreamUnavailable; UpstreamChanged when it is none, or names a place that may not be asked.
    """
    return client.run(_find(client, url, limit, credentials))


def fetch(
    client: Client,
    feed: Feed,
    urls: Sequence[str],
    limit: Limit,
    tick: Callable[[int], None] | None = None,
    until: float | None = None,
) -> list[Found]:
    """What is at each of `urls`, in their order, as many at once as `limit` has room for.

    `tick` hears now and then how many are done. Once the source no longer answers, the rest is not asked for; nor is it
    after `until` (monotonic seconds), when also what is under way ends, with `OutOfTime`.

    For an audit, behind which somebody waits: one feed, many addresses, a time to end. What a run reads of hosts that
    have to be spared, one file after the other with its ETag and its redirects, is `files.look`.
    """
    asking = _Asking(client, feed, limit, until)
    step = (lambda: tick(asking.done)) if tick is not None else None
    return client.run(asking.all(urls), step, 0.1)


class _Asking:
    def __init__(self, client: Client, feed: Feed, limit: Limit, until: float | None) -> None:
        self.done = 0
        self._until = until
        self._client = client
        self._request = Request(MOST_BYTES, feed.address.allows, feed.address.public, limit, None, feed.credentials)
        self._lost: list[UpstreamUnavailable] = []
        self._places = asyncio.Semaphore(max(1, limit.width))

    async def all(self, urls: Sequence[str]) -> list[Found]:
        return await asyncio.gather(*map(self._one, urls))

    async def _one(self, url: str) -> Found:
        async with self._places:
            if len(self._lost) >= _LOST:
                self.done += 1
                return Found(error=self._lost[-1])
            found = await self._in_time(url)
            self.done += 1
        if isinstance(found.error, UpstreamUnavailable) and not isinstance(found.error, OutOfTime):
            self._lost.append(found.error)
        else:
            self._lost.clear()
        return found

    async def _in_time(self, url: str) -> Found:
        left = self._until - time.monotonic() if self._until is not None else None
        if left is None or left > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    return await self._ask(url)
        return Found(error=OutOfTime("the time for it is over", url))

    async def _ask(self, url: str) -> Found:
        try:
            return Found(await self._client.fetch(url, self._request, lambda body, _: body))
        except Unobtainable as error:
            return Found() if error.reason == "missing" else Found(error=UpstreamChanged(str(error), url))
        except TryLater as error:
            self._lost += [error] * _LOST
            return Found(error=error)
        except UpstreamUnavailable as error:
            return Found(error=error)


async def _find(client: Client, url: str, limit: Limit, credentials: Credentials | None) -> Feed:
    try:
        own = origins.origin(url)
    except ValueError as error:
        raise UpstreamChanged(f"{url[:200]} is not the address of a package source: {error}", url) from None
    # Before it is read it can vouch for nobody, so only the step from http to https is followed.
    first = CatalogAddress(url, frozenset({own, own.replace("http:", "https:", 1)}), public=False)
    request = Request(client.settings.max_page_bytes, first.allows, first.public, limit, None, credentials)
    try:
        document, found = await client.fetch(url, request, lambda body, found: (_json(body, url), found))
    except Unobtainable as error:
        raise UpstreamChanged(f"no package source can be found: {error}", url) from None
    public = await client.is_public(origins.host(found))
    resources = document.get("resources") if isinstance(document, dict) else None
    named = [one for one in resources if isinstance(one, dict)] if isinstance(resources, list) else []
    places = [(urljoin(found, str(one.get("@id"))), one.get("@type")) for one in named]
    base = next((place for place, kinds in places if kinds == PACKAGE_BASE or PACKAGE_BASE in _texts(kinds)), None)
    if base is None:
        raise UpstreamChanged(f"{url} is no NuGet V3 service index that names a {PACKAGE_BASE}", url)
    base = base if base.endswith("/") else base + "/"
    try:
        allowed = origins.named(url, base, [place for place, _ in places] + [found], public=public)
    except ValueError as error:
        raise UpstreamChanged(f"{url} names a place for its packages that is not asked: {error}", url) from None
    return Feed(url, CatalogAddress(base, allowed, public), credentials)


def _texts(kinds: JsonValue) -> list[JsonValue]:
    return kinds if isinstance(kinds, list) else []


def _json(body: bytes, url: str) -> JsonValue:
    if is_dense(body, _MOST_VALUES):
        raise UpstreamChanged(f"{url} holds more than {_MOST_VALUES:,} values", url)
    try:
        found: JsonValue = pydantic_core.from_json(body.removeprefix(BOM))
    except ValueError:
        raise NotJson(body) from None
    return found
