"""License files: one look at an address, politely, and only at addresses that may be asked.

A file on a code host is asked for at that host alone, and a redirect is followed only to the same owner's files on a
host that is allowed. An operator may name other places for a host's connections (`PKGINTEL_TEXT_ORIGINS`); addresses,
owners and rules stay those of the host. Nothing of a body is believed but its bytes.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from pkgintel.licenses import hosted
from pkgintel.licenses.texts.decode import MAX_BYTES
from pkgintel.upstream import origins
from pkgintel.upstream.answers import FetchFailed, Unobtainable, retry_after
from pkgintel.upstream.client import MOST_REDIRECTS, Client, Credentials
from pkgintel.upstream.exchange import REDIRECTS, Answer, target_of
from pkgintel.upstream.slots import Limit

Outcome: TypeAlias = Literal["have", "unchanged", "missing", "refused", "trouble"]

PAUSE = 1800.0  # Seconds that a host is left alone which asked for quiet and did not say for how long.
LONGEST_PAUSE = 86_400.0
TRIES = 3  # Of a request that broke off; what was answered is never asked again.
BACKOFF = 0.5  # Seconds before the second try; doubled for the third.
SENDABLE = re.compile(
    r"[\x20-\x7e]{1,200}"
)  # An ETag that is kept and sent again; RFC 9110, section 8.8.3, allows more.
GITHUB = frozenset({hosted.GITHUB_RAW})  # Where a token of GitHub's is shown.


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a source found. `pause` says for how many seconds its host asked to be left alone.

    `have`: `body` is what stands there; `unchanged`: what stood there before still does. Else `error` is the reason.
    """

    outcome: Outcome
    asked: str
    status: int | None = None
    answered: str | None = None
    etag: str | None = None
    media_type: str | None = None
    body: bytes | None = None
    error: str | None = None
    pause: float | None = None


@dataclass(frozen=True, slots=True)
class Manners:
    """How files are asked for: which addresses `allows` forbids (with a reason), under which limit, where.

    `places`: "https://host" → the origin that is connected to in its stead. `public`: nothing but the open internet.
    `until` (monotonic seconds): when a look ends that has no answer yet.
    """

    allows: Callable[[str], str | None]
    limit: Limit
    public: bool = True
    places: Mapping[str, str] = field(default_factory=dict)
    token: str | None = field(default=None, repr=False)
    credentials: Credentials | None = field(default=None, repr=False)
    until: float | None = None

    def left(self) -> float | None:
        """The seconds that are left; None where there is no end."""
        return None if self.until is None else max(0.0, self.until - time.monotonic())

    def authorization(self, url: str) -> str | None:
        """The header that says who asks for `url`."""
        if self.token and urlsplit(url).hostname in GITHUB:
            return f"token {self.token}"
        return self.credentials.towards(url) if self.credentials else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: the file, unless it has `etag` still; of it the bytes of `part`, the first and the last.

    `cap`: the most bytes that may come.
    """

    etag: str | None = None
    part: tuple[int, int] | None = None
    cap: int = MAX_BYTES


def code_host(file: str) -> Callable[[str], str | None]:
    """What forbids an address: all but https files of the owner of `file`, an address, on a host that is allowed."""
    owner = hosted.owner_of(file)

    def allows(url: str) -> str | None:
        try:
            origin = origins.origin(url)
        except ValueError as error:
            return str(error)
        if not origin.startswith("https://") or origin.count(":") > 1:
            return f"{origin} is not https at its usual port"
        if origins.host(url) not in hosted.FAMILIES:
            return f"{origin} is not one of the hosts that license files are fetched from"
        if owner is None or hosted.owner_of(url) != owner:
            return f"it leads away from {owner or 'every owner'}"
        return None

    return allows


def look(client: Client, url: str, manners: Manners, etag: str | None = None) -> Look:
    """Ask for the file at `url`, of which `etag` was stored. Never raises for what a server does.

    Raises: UpstreamUnavailable, ServiceUnavailable when the fleet's limit gives no slot.
    """
    known = etag if etag and SENDABLE.fullmatch(etag) else None
    reached = client.run(reach(client, url, manners, Wanted(known)))
    return reached if isinstance(reached, Look) else judged(url, *reached, known)


async def reach(client: Client, url: str, manners: Manners, wanted: Wanted) -> tuple[str, Answer] | Look:
    """The address that answered for `url` and its answer, redirects followed; a look where there is none.

    Raises: UpstreamUnavailable, ServiceUnavailable when the fleet's limit gives no slot.
    """
    asked, why = url, manners.allows(url)
    if why:
        return Look("refused", url, error=f"it was not asked for: {why}")
    for _ in range(MOST_REDIRECTS + 1):
        try:
            async with asyncio.timeout(manners.left()):
                answer = await _answer(client, asked, manners, wanted if asked == url else replace(wanted, etag=None))
            target = _target(asked, answer)
        except TimeoutError:
            return Look("trouble", url, answered=asked, error="the time for it was over")
        except Unobtainable as error:
            return Look("refused", url, answered=asked, error=str(error))
        except FetchFailed as error:
            return Look("trouble", url, answered=asked, error=str(error))
        if target is None:
            return asked, answer
        if target == asked or (why := manners.allows(target)):
            words = why or "it redirects to itself"
            return Look("refused", url, answer.status, target[:2000], error=f"its redirect was not followed: {words}")
        asked = target
    return Look("refused", url, answered=asked, error=f"it redirects more than {MOST_REDIRECTS} times")


def _target(asked: str, answer: Answer) -> str | None:
    location = answer.header(b"location")
    return target_of(asked, location) if answer.status in REDIRECTS and location else None


async def _answer(client: Client, url: str, manners: Manners, wanted: Wanted) -> Answer:
    """What the server answers, after as many tries as a broken connection is worth."""
    for attempt in range(1, TRIES + 1):
        try:
            return await _once(client, url, manners, wanted)
        except FetchFailed as failure:
            if attempt == TRIES or not failure.again:
                raise
        await asyncio.sleep(BACKOFF * 2 ** (attempt - 1))
    raise AssertionError("unreachable")


async def _once(client: Client, url: str, manners: Manners, wanted: Wanted) -> Answer:
    parts = urlsplit(url)
    place = manners.places.get(f"https://{parts.hostname}")
    where = f"{place}{url[len(f'{parts.scheme}://{parts.netloc}') :]}" if place else url
    headers = _headers(wanted)
    if place:
        headers["host"] = parts.netloc
    said = manners.authorization(url)
    if said:
        headers["authorization"] = said
    request = client.exchange.request_with(where, headers)
    public = manners.public and not place
    await manners.limit.enter()
    answered: bool | None = None
    try:
        answer = await client.exchange.ask(request, where, wanted.cap, public)
        answered = answer.status < 500
    except Unobtainable:
        answered = True
        raise
    except FetchFailed:
        answered = False
        raise
    else:
        return answer
    finally:
        manners.limit.leave(answered)


def _headers(wanted: Wanted) -> dict[str, str]:
    headers = {"accept": "text/plain, */*;q=0.5"}
    if wanted.etag:
        headers["if-none-match"] = wanted.etag
    if wanted.part is not None:  # Of the file as it is: a part of something compressed could not be read.
        headers |= {"range": f"bytes={wanted.part[0]}-{wanted.part[1]}", "accept-encoding": "identity"}
    return headers


def judged(url: str, asked: str, answer: Answer, etag: str | None = None) -> Look:
    """What the answer of `asked` says of the file at `url`, which was asked for unless it has `etag` still."""
    status = answer.status
    seen = partial(Look, asked=url, status=status, answered=asked)
    if status == 200:
        tag, kind = answer.header(b"etag"), answer.header(b"content-type")
        kept = tag if asked == url and tag and SENDABLE.fullmatch(tag) else None
        return seen("have", etag=kept, media_type=kind[:200] if kind else None, body=answer.body)
    if status == 304:
        asked_so = etag is not None and asked == url
        return seen("unchanged") if asked_so else seen("trouble", error="it answered 304, and no ETag was sent")
    pause, error = _pause(answer), f"it answered {status}"
    if status in (404, 410, 451):
        return seen("missing", error=error)
    if pause is not None or status >= 500 or status in (408, 425):
        return seen("trouble", error=error, pause=pause)
    return seen("refused", error=error)


def _pause(answer: Answer) -> float | None:
    """The seconds for which a host asks to be left alone; None where it does not.

    Source: docs.github.com "Rate limits for the REST API": 403 or 429, with retry-after or x-ratelimit-reset (UTC
    seconds since 1970); RFC 6585, section 4.
    """
    limited = answer.status == 429 or (
        answer.status == 403
        and (answer.header(b"retry-after") is not None or answer.header(b"x-ratelimit-remaining") == "0")
    )
    if not limited:
        return None
    seconds = retry_after(answer.header(b"retry-after"), longest=LONGEST_PAUSE)
    if seconds is None:
        reset = answer.header(b"x-ratelimit-reset")
        if reset is not None and reset.isascii() and reset.isdigit():
            seconds = min(float(reset[:12]) - datetime.now(UTC).timestamp(), LONGEST_PAUSE)
    return max(seconds, 1.0) if seconds is not None else PAUSE
