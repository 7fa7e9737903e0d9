"""The client: how a document is asked for, redirects followed, and asked for again.

One `Client` lives as long as its process: an event loop in a daemon thread, and the lasting connections of that loop.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from pkgintel.errors import TryLater, UpstreamUnavailable
from pkgintel.settings import Settings
from pkgintel.upstream import origins
from pkgintel.upstream.answers import FetchFailed, NotJson, Unobtainable
from pkgintel.upstream.body import Room
from pkgintel.upstream.exchange import Exchange
from pkgintel.upstream.loop import Loop
from pkgintel.upstream.retry import BACKOFF, Retry
from pkgintel.upstream.slots import Limit

Result = TypeVar("Result")

MOST_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is said to one origin and to no other; the secret is never shown."""

    origin: str
    authorization: str = field(repr=False)

    def towards(self, url: str) -> str | None:
        """The header for `url`, None where it lies elsewhere."""
        return self.authorization if origins.origin(url) == self.origin else None


@dataclass(frozen=True, slots=True)
class Request:
    """How one kind of document is asked for: its size limit in bytes, where it may lie, and under which limit."""

    cap: int
    allows: Callable[[str], str | None]
    public: bool = False
    limit: Limit | None = None
    room: Room | None = None  # Shared by the bodies that are under way together.
    credentials: Credentials | None = None


class Client:
    """One process's loop and connections. `counts` holds each exchange once, by status class ("2xx") or what broke it.

    An answer that came whole and is no JSON is among its status class, and once more under "not-json".
    """

    def __init__(
        self, settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None, backoff: float = BACKOFF
    ) -> None:
        self.settings = settings
        self.counts: Counter[str] = Counter()
        self.loop = Loop("pkgintel-client")
        self.exchange = Exchange(settings, self.loop, self.counts, transport)
        self._retry = Retry(settings.request_attempts, backoff)

    def run(
        self, coroutine: Coroutine[Any, Any, Result], tick: Callable[[], None] | None = None, every: float = 1.0
    ) -> Result:
        """The result of `coroutine`, run in the client's loop; see `Loop.run`."""
        return self.loop.run(coroutine, tick, every)

    def close(self) -> None:
        """End what is under way, the connections and the loop. Harmless twice and in a forked child."""
        self.loop.close()

    async def is_public(self, host: str) -> bool:
        """Whether every address that `host` resolves to now is of the open internet; an unknown name counts as such."""
        if not origins.is_public_name(host):
            return False
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            return True
        return all(origins.is_public_ip(str(one[4][0])) for one in found)

    async def fetch(
        self, url: str, request: Request, read: Callable[[bytes, str], Result], failed: FetchFailed | None = None
    ) -> Result:
        """What `read(body, address it came from)` makes of the document at `url`, after as many tries as are allowed.

        `failed` is how a first try ended, where the caller found that out later.

        Raises:
            UpstreamUnavailable: connect errors, timeouts, resets, truncated bodies, 408, 425, 429 and 5xx outlasted the
                tries; or any other 4xx but 404, 410 and 451, at once: being refused (401, 403) is no fact about one
                document, so its page fails and the watermark stays. `TryLater` when the server says how long.
            Unobtainable: the document is missing, lies elsewhere, is too large, or is not JSON (`NotJson` from `read`).
            What else `read` raises.
        """
        if why := request.allows(url):
            raise Unobtainable("address", f"{url[:300]} was not fetched: {why}")
        tries = 0
        while True:
            if failed is None:
                try:
                    body, found = await self._follow(url, request)
                    return read(body, found)
                except FetchFailed as failure:
                    failed = failure.with_traceback(None)  # Which would hold this frame, and so itself.
            tries += 1
            if isinstance(failed, NotJson):
                self.counts[failed.kind] += 1
            wait = self._retry.wait(failed, tries)
            if wait is None:
                raise _given_up(url, failed, tries)
            failed = None
            await asyncio.sleep(wait)

    async def _follow(self, url: str, request: Request) -> tuple[bytes, str]:
        """The body of `url` and where it was found, redirects followed as far as `request` allows."""
        asked = url
        for _ in range(MOST_REDIRECTS + 1):
            body, target = await self._limited(asked, request)
            if target is None:
                return body, asked
            if target == asked:
                raise Unobtainable("redirect", f"{asked} redirects to itself")
            if why := request.allows(target):
                raise Unobtainable("redirect", f"{asked} redirects to {target[:300]}, which was not followed: {why}")
            asked = target
        raise Unobtainable("redirect", f"{url} redirects more than {MOST_REDIRECTS} times")

    async def _limited(self, url: str, request: Request) -> tuple[bytes, str | None]:
        """One exchange under the limit, which hears how it went."""
        limit = request.limit
        secret = request.credentials.towards(url) if request.credentials is not None else None
        if limit is None:
            return await self.exchange.get(url, request.cap, request.public, request.room, secret)
        await limit.enter()
        answered: bool | None = None
        retry_after = None
        try:
            answer = await self.exchange.get(url, request.cap, request.public, request.room, secret)
            answered = True
        except Unobtainable:
            answered = True
            raise
        except FetchFailed as failure:
            answered, retry_after = False, failure.retry_after
            raise
        else:
            return answer
        finally:
            limit.leave(answered, retry_after)


def _given_up(url: str, failed: FetchFailed, tries: int) -> UpstreamUnavailable | Unobtainable:
    """What ends the fetch of `url` whose last try `failed`."""
    if isinstance(failed, NotJson):
        return Unobtainable("not-json", f"{url} could not be read: {failed}", failed.body)
    message = f"{url} cannot be fetched: {failed} ({tries} {'try' if tries == 1 else 'tries'})"
    if failed.retry_after is not None:
        return TryLater(message, url, failed.retry_after)
    return UpstreamUnavailable(message, url)
