"""One request and its whole answer. Redirects, retries and limits are the client's.

httpx is here for its transport API alone, the seam at which tests put an answer without a socket, and for its `URL` and
`Headers`: its own pool is quadratic in requests in flight, so aiohttp carries the bytes, and its client costs three
times the transport while its redirects, cookies and decoding must not be used here.
"""

import asyncio
import copy
import functools
import re
import zlib
from collections import Counter
from typing import cast
from urllib.parse import urljoin

import aiohttp
import httpx

from pkgintel.settings import Settings
from pkgintel.upstream import body, transport
from pkgintel.upstream.answers import FetchFailed, Unobtainable, failure_of, refusal
from pkgintel.upstream.body import Deadline, Room
from pkgintel.upstream.loop import Loop

ERROR_BYTES = 64_000  # Of an error's body, read so that its connection can be used again.
REDIRECTS = (301, 302, 303, 307, 308)

_PLAIN = re.compile(r"(https?://[A-Za-z0-9.-]+(?::[0-9]+)?)(/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)")


class Exchange:
    """Asks through the lasting connections of one loop; `counts` has each exchange once.

    By its status class ("2xx"), or by what broke it ("timeout", "connect", "reset", "truncated", "encoding").
    """

    def __init__(
        self, settings: Settings, loop: Loop, counts: Counter[str], given: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._loop = loop
        self._counts = counts
        self._given = given
        self._transports: dict[bool, httpx.AsyncBaseTransport] = {}
        headers = self.headers = httpx.Headers(
            {"user-agent": settings.user_agent, "accept": "application/json, */*;q=0.1", "accept-encoding": "gzip"}
        )
        # To copy a request to the same origin costs a third of making one.
        self._request_to = functools.lru_cache(maxsize=64)(lambda origin: httpx.Request("GET", origin, headers=headers))

    async def get(
        self, url: str, cap: int, public: bool, room: Room | None = None, authorization: str | None = None
    ) -> tuple[bytes, str | None]:
        """The decoded body of a 200, of `cap` bytes at most, or where a redirect leads to.

        With `public`, nothing but the open internet is asked. `room` is shared with other bodies under way.
        `authorization` is sent as the header of that name.
        Raises: FetchFailed, Unobtainable.
        """
        try:
            status, headers, content = await self._ask(url, cap, public, room, authorization)
        except FetchFailed as failure:
            self._counts[failure.kind] += 1
            raise
        self._counts[f"{status // 100}xx"] += 1
        if status == 200:
            return content, None
        if status in REDIRECTS and b"location" in headers:
            return b"", _target(url, headers[b"location"])
        raise refusal(url, status, headers, content)

    async def _ask(
        self, url: str, cap: int, public: bool, room: Room | None, authorization: str | None
    ) -> tuple[int, dict[bytes, str], bytes]:
        """Status, headers and body. An error is what its status says, however broken its page may be."""
        status, headers, content = 0, dict[bytes, str](), b""
        grace = 2 * self._settings.request_timeout
        try:
            # One end for the whole exchange, for a server could drip headers, or what frames a body, for ever.
            async with asyncio.timeout(grace) as timer:
                deadline = Deadline(timer, asyncio.get_running_loop().time(), grace)
                response = await self.transport(public).handle_async_request(self.request(url, authorization))
                status = response.status_code
                headers = {name.lower(): value.decode("latin-1") for name, value in response.headers.raw}
                try:
                    chunks = cast("httpx.AsyncByteStream", response.stream)
                    most = cap if status == 200 else ERROR_BYTES
                    content = await body.read(chunks, headers, most, deadline, url, room)
                finally:
                    await response.aclose()
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise Unobtainable("address", f"{url[:300]} was not fetched: {error}") from None
        except (FetchFailed, Unobtainable):
            if status in (0, 200):
                raise
        except (httpx.HTTPError, aiohttp.ClientError, OSError, zlib.error) as error:
            if status in (0, 200):
                raise failure_of(error) from error
        return status, headers, content

    def request(self, url: str, authorization: str | None = None) -> httpx.Request:
        """What asks for `url`. An address that needs no escaping goes as it is, which spares httpx most of its work."""
        if authorization is not None:
            return httpx.Request("GET", url, headers={**self.headers, "authorization": authorization})
        plain = _PLAIN.fullmatch(url) if self._given is None else None
        if plain is None:
            return httpx.Request("GET", url, headers=self.headers)
        request = copy.copy(self._request_to(plain[1]))
        request.extensions = {"target": plain[2].encode("ascii")}
        return request

    def transport(self, public: bool) -> httpx.AsyncBaseTransport:
        """The connections of the loop; those of public sources never reach a private address."""
        if self._given is not None:
            return self._given
        if public not in self._transports:
            settings = self._settings
            made = transport.connections(settings.max_in_flight, settings.request_timeout, public)
            self._loop.at_close.append(made.aclose)
            self._transports[public] = made
        return self._transports[public]


def _target(url: str, location: str) -> str:
    """Where the redirect of `url` leads to. Raises: Unobtainable when it is no address."""
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise Unobtainable("redirect", f"{url} redirects to {location[:300]}, which is no address: {error}") from None
