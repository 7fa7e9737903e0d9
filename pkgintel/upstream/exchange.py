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
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came: its status, its headers by their lower-cased names, its decoded body."""

    status: int
    headers: dict[bytes, str]
    body: bytes

    def header(self, name: bytes) -> str | None:
        """What the server said under `name`; None where it said nothing."""
        return self.headers.get(name, "").strip() or None


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
        answer = await self.ask(self.request(url, authorization), url, cap, public, room)
        if answer.status == 200:
            return answer.body, None
        if answer.status in REDIRECTS and b"location" in answer.headers:
            return b"", target_of(url, answer.headers[b"location"])
        raise refusal(url, answer.status, answer.headers, answer.body)

    async def ask(self, request: httpx.Request, url: str, cap: int, public: bool, room: Room | None = None) -> Answer:
        """Whatever `url` answers to `request`, the body of a 200 whole and of `cap` bytes at most, any other cut.

        Where `request` asks for a range, a 206 is whole as well.
        Raises: FetchFailed, Unobtainable.
        """
        try:
            answer = await self._ask(request, url, cap, public, room)
        except FetchFailed as failure:
            self._counts[failure.kind] += 1
            raise
        self._counts[f"{answer.status // 100}xx"] += 1
        return answer

    async def _ask(self, request: httpx.Request, url: str, cap: int, public: bool, room: Room | None) -> Answer:
        """The answer. An error is what its status says, however broken its page may be."""
        status, headers, content = 0, dict[bytes, str](), b""
        whole = (200, 206) if "range" in request.headers else (200,)
        grace = 2 * self._settings.request_timeout
        try:
            # One end for the whole exchange, for a server could drip headers, or what frames a body, for ever.
            async with asyncio.timeout(grace) as timer:
                deadline = Deadline(timer, asyncio.get_running_loop().time(), grace)
                response = await self.transport(public).handle_async_request(request)
                status = response.status_code
                headers = {name.lower(): value.decode("latin-1") for name, value in response.headers.raw}
                try:
                    chunks = cast("httpx.AsyncByteStream", response.stream)
                    most = cap if status in whole else ERROR_BYTES
                    content = await body.read(chunks, headers, most, deadline, url, room)
                finally:
                    await response.aclose()
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise Unobtainable("address", f"{url[:300]} was not fetched: {error}") from None
        except (FetchFailed, Unobtainable):
            if status in (0, *whole):
                raise
        except (httpx.HTTPError, aiohttp.ClientError, OSError, zlib.error) as error:
            if status in (0, *whole):
                raise failure_of(error) from error
        return Answer(status, headers, content)

    def request_with(self, url: str, headers: Mapping[str, str]) -> httpx.Request:
        """What asks for `url` with headers of its own beside those of every request. Raises: Unobtainable."""
        try:
            return httpx.Request("GET", url, headers={**self.headers, **headers})
        except (httpx.InvalidURL, ValueError) as error:
            raise Unobtainable("address", f"{url[:300]} was not fetched: {error}") from None

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


def target_of(url: str, location: str) -> str:
    """Where the redirect of `url` leads to. Raises: Unobtainable when it is no address."""
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise Unobtainable("redirect", f"{url} redirects to {location[:300]}, which is no address: {error}") from None
