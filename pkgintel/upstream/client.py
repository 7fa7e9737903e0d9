"""The wire: how a document is asked for, and asked again.

One `Wire` lives as long as its process: an event loop in a daemon thread and, through httpx's transport API, lasting
connections. httpx's own pool is quadratic in requests in flight, so aiohttp carries the bytes; and since the client
above the transport costs three times the transport and its redirects, cookies and decoding must not be used here, the
transport is called directly, for every document alike.
"""

import asyncio
import contextlib
import copy
import functools
import random
import re
import socket
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast
from urllib.parse import urljoin

import aiohttp
import httpx
import stamina
import stamina.instrumentation

from pkgintel.errors import UpstreamUnavailable
from pkgintel.settings import Settings
from pkgintel.upstream import origins, transport
from pkgintel.upstream.answers import Inflate, NotHad, NotJson, Trouble, TryLater, refusal, trouble
from pkgintel.upstream.loop import Loop

Result = TypeVar("Result")

BACKOFF = 0.5  # Seconds before the first retry; doubled for each further one, as much again added by chance.
LONGEST_BACKOFF = 20.0
PATIENCE = 30.0  # The longest Retry-After that is waited for in place.
BROKEN_ATTEMPTS = 3  # A body that is not JSON is likely to stay so: fewer tries than for trouble on the way.
SLOWEST = 32_000  # Bytes a second below which a body counts as a drip, once twice the timeout has passed.
REDIRECTS = 5
ERROR_BYTES = 64_000  # Of an error's body, read so that its connection can be used again.

# stamina logs a line for each retry: thousands a page when a server is down. `Wire.counts` says it in a few numbers.
stamina.instrumentation.set_on_retry_hooks(())


class Gauge(Protocol):
    """What limits requests in flight: `enter` before each, `leave` after it. See `fleet`."""

    @property
    def width(self) -> int:
        """The most requests that may ever be in flight at once."""

    async def enter(self) -> None:
        """Wait for a free slot. Raises: UpstreamUnavailable, ServiceUnavailable when none will come."""

    def leave(self, answered: bool | None, retry_after: float | None = None) -> None:
        """Give the slot back; `answered` says whether the server did its work; None: nobody can say."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How to ask for one kind of document: its size limit, where it may lie, and under which gauge."""

    cap: int
    allows: Callable[[str], str | None]
    public: bool = False
    gauge: Gauge | None = None


_PLAIN = re.compile(r"(https?://[A-Za-z0-9.-]+(?::[0-9]+)?)(/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)")


class Wire(Loop):
    """One process's loop and connections. `counts` counts answers by status class ("2xx") and troubles by kind."""

    def __init__(
        self, settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None, backoff: float = BACKOFF
    ) -> None:
        super().__init__("pkgintel-wire")
        self.settings = settings
        self.counts: Counter[str] = Counter()
        self.memory: dict[str, tuple[float, origins.CatalogAddress]] = {}  # Of `sources.discover`.
        self._backoff = backoff
        self._given = transport
        self._transports: dict[bool, httpx.AsyncBaseTransport] = {}
        headers = self._headers = httpx.Headers(
            {"user-agent": settings.user_agent, "accept": "application/json, */*;q=0.1", "accept-encoding": "gzip"}
        )
        # To copy a request to the same origin costs a third of making one.
        self._request_to = functools.lru_cache(maxsize=64)(lambda origin: httpx.Request("GET", origin, headers=headers))

    async def is_public(self, host: str) -> bool:
        """Whether every address that `host` resolves to now is of the open internet; an unknown name counts as such."""
        if not origins.is_public_name(host):
            return False
        try:
            found = await self.loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            return True
        return all(origins.is_public_ip(str(one[4][0])) for one in found)

    async def fetch(
        self, url: str, manner: Manner, read: Callable[[bytes, str], Result], failed: Trouble | None = None
    ) -> Result:
        """What `read(body, address it came from)` makes of the document at `url`, after as many tries as are allowed.

        `failed` is how a first try ended, where the caller found that out later.

        Raises:
            UpstreamUnavailable: connect errors, timeouts, resets, truncated bodies, 408, 425, 429 and 5xx outlasted the
                tries; or any other 4xx but 404, 410 and 451, at once: being refused (401, 403) is no fact about one
                document, so its page fails and the watermark stays. `TryLater` when the server says how long.
            NotHad: the document is missing, lies elsewhere, is too large, or is not JSON (`NotJson` from `read`).
            What else `read` raises.
        """
        if why := manner.allows(url):
            raise NotHad("address", f"{url[:300]} was not fetched: {why}")
        tries = 0 if failed is None else 1

        async def attempt() -> Result:
            nonlocal tries
            tries += 1
            try:
                body, place = await self._follow(url, manner)
                return read(body, place)
            except Trouble as failure:
                self.counts[failure.kind] += 1
                raise

        def again(error: Exception) -> bool | float:
            if not isinstance(error, Trouble) or not error.again:
                return False
            if error.retry_after is not None:
                wait = error.retry_after
                return wait <= PATIENCE and wait + random.uniform(0, self._backoff)  # noqa: S311 - no secret
            return not isinstance(error, NotJson) or tries < BROKEN_ATTEMPTS

        try:
            if failed is None:
                try:
                    return await attempt()
                except Trouble as failure:
                    failed = failure
            else:
                self.counts[failed.kind] += 1
            # stamina costs as much as a whole request, so it comes in once something went wrong.
            async for retry in stamina.retry_context(
                on=again,
                attempts=self.settings.request_attempts,
                timeout=None,
                wait_initial=self._backoff,
                wait_jitter=self._backoff,
                wait_max=LONGEST_BACKOFF,
            ):
                with retry:
                    if failed is not None:
                        first, failed = failed, None
                        raise first
                    return await attempt()
            raise AssertionError("stamina ends with a result or an exception")
        except NotJson as failure:
            raise NotHad("not-json", f"{url} could not be read: {failure}", failure.body) from None
        except Trouble as failure:
            message = f"{url} cannot be fetched: {failure} ({tries} {'try' if tries == 1 else 'tries'})"
            if failure.retry_after is not None:
                raise TryLater(message, url, failure.retry_after) from None
            raise UpstreamUnavailable(message, url) from None

    async def _follow(self, url: str, manner: Manner) -> tuple[bytes, str]:
        """The body of `url` and where it was found, redirects followed as far as `manner` allows."""
        place = url
        for _ in range(REDIRECTS + 1):
            body, target = await self._guarded(place, manner)
            if target is None:
                return body, place
            if target == place:
                raise NotHad("redirect", f"{place} redirects to itself")
            if why := manner.allows(target):
                raise NotHad("redirect", f"{place} redirects to {target[:300]}, which was not followed: {why}")
            place = target
        raise NotHad("redirect", f"{url} redirects more than {REDIRECTS} times")

    async def _guarded(self, url: str, manner: Manner) -> tuple[bytes, str | None]:
        """One exchange under the gauge, which learns how it went."""
        gauge = manner.gauge
        if gauge is None:
            return await self._exchange(url, manner)
        await gauge.enter()
        answered: bool | None = None
        retry_after = None
        try:
            answer = await self._exchange(url, manner)
            answered = True
        except NotHad:
            answered = True
            raise
        except Trouble as failure:
            answered, retry_after = False, failure.retry_after
            raise
        else:
            return answer
        finally:
            gauge.leave(answered, retry_after)

    async def _exchange(self, url: str, manner: Manner) -> tuple[bytes, str | None]:
        """One request and its whole answer: the decoded body of a 200, or where a redirect leads to.

        Raises: Trouble, NotHad.
        """
        begun = time.monotonic()
        try:
            request = self._request(url)
            # Without a limit of its own, a server could drip headers for ever.
            async with asyncio.timeout(2 * self.settings.request_timeout):
                response = await self._transport(manner.public).handle_async_request(request)
            status = response.status_code
            self.counts[f"{status // 100}xx"] += 1
            headers = {name.lower(): value.decode("latin-1") for name, value in response.headers.raw}
            try:
                if status == 200:
                    return await self._body(url, response, headers, manner.cap, begun), None
                body = b""
                # An error is what its status says, however broken its page may be.
                with contextlib.suppress(Trouble, NotHad, httpx.HTTPError, aiohttp.ClientError, OSError, zlib.error):
                    body = await self._body(url, response, headers, ERROR_BYTES, begun)
            finally:
                await response.aclose()
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise NotHad("address", f"{url[:300]} was not fetched: {error}") from None
        except (httpx.HTTPError, aiohttp.ClientError, OSError, zlib.error) as error:
            raise trouble(error) from error
        if status in (301, 302, 303, 307, 308) and b"location" in headers:
            return b"", urljoin(url, headers[b"location"])
        raise refusal(url, status, headers, body)

    def _request(self, url: str) -> httpx.Request:
        """What asks for `url`. An address that needs no escaping goes as it is, which spares httpx most of its work."""
        plain = _PLAIN.fullmatch(url) if self._given is None else None
        if plain is None:
            return httpx.Request("GET", url, headers=self._headers)
        request = copy.copy(self._request_to(plain[1]))
        request.extensions = {"target": plain[2].encode("ascii")}
        return request

    async def _body(
        self, url: str, response: httpx.Response, headers: dict[bytes, str], cap: int, begun: float
    ) -> bytes:
        """The decoded body, of `cap` bytes at most.

        Raises: NotHad too-large; Trouble for a drip, a body cut short or an encoding that was not asked for.
        """
        coding = headers.get(b"content-encoding", "identity").strip().lower()
        inflate = Inflate(coding) if coding != "identity" else None
        if inflate is None and int(headers.get(b"content-length") or 0) > cap:
            raise NotHad("too-large", f"{url} is larger than {cap:,} bytes")
        parts: list[bytes] = []
        size = received = 0
        async for chunk in cast("httpx.AsyncByteStream", response.stream):
            received += len(chunk)
            for part in inflate.feed(chunk, cap - size + 1) if inflate else (chunk,):
                parts.append(part)
                size += len(part)
            if size > cap:
                raise NotHad("too-large", f"{url} is larger than {cap:,} bytes")
            if time.monotonic() - begun > 2 * self.settings.request_timeout + received / SLOWEST:
                raise Trouble("timeout", f"the body came too slowly: {received} bytes so far")
        if inflate is not None and received and not inflate.is_complete:
            raise Trouble("truncated", "the compressed body was cut short")
        return b"".join(parts)

    def _transport(self, public: bool) -> httpx.AsyncBaseTransport:
        """The connections of the loop; those of public sources never reach a private address."""
        if self._given is not None:
            return self._given
        if public not in self._transports:
            settings = self.settings
            made = transport.connections(settings.max_in_flight, settings.request_timeout, public)
            self.at_close.append(made.aclose)
            self._transports[public] = made
        return self._transports[public]
