"""What the answers of a server mean: the errors of one fetch, how bodies are encoded, and how Retry-After is read.

Nothing here opens a connection.
"""

import zlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import httpx

from pkgintel.errors import UpstreamUnavailable

LONGEST_RETRY_AFTER = 600.0  # No server may send the fleet away for longer.


class TryLater(UpstreamUnavailable):
    """The server, or the fleet's circuit, says when to come back: `retry_after` seconds from now."""

    def __init__(self, message: str, url: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message, url)
        self.retry_after = retry_after

    def __reduce__(self) -> Any:
        return type(self), (str(self), self.url, self.retry_after)


class NotHad(Exception):
    """The document cannot be fetched, and asking again now would not help.

    `reason` is one of missing, redirect, too-large, not-json, address; `body` is what came instead, if anything did.
    """

    def __init__(self, reason: str, message: str, body: bytes | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.body = body


class Trouble(Exception):
    """One attempt failed. `kind` is how it is counted; `again` whether another attempt may help."""

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        again: bool = True,
        retry_after: float | None = None,
        body: bytes | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.again = again
        self.retry_after = retry_after
        self.body = body


class NotJson(Trouble):
    """Raised by a reader of bodies: this one is no JSON at all (cut short, an HTML page, wrong bytes)."""

    def __init__(self, body: bytes) -> None:
        start = body[:60].decode("utf-8", "replace").strip()
        super().__init__("not-json", f"the body is not JSON: it begins with {start!r}" if body else "the body is empty")
        self.body = body


class PrivateAddress(OSError):
    """A host of a public source resolved to private addresses only."""


class Inflate:
    """Decodes gzip (of several members too) and deflate, never making more bytes than there is room for."""

    def __init__(self, coding: str) -> None:
        if coding not in ("gzip", "x-gzip", "deflate"):
            raise Trouble("encoding", f"the body is encoded as {coding[:40]!r}, which was not asked for")
        self._bits = 31 if coding != "deflate" else 15
        self._begun = False
        self._decoder = zlib.decompressobj(self._bits)

    def feed(self, data: bytes, room: int) -> list[bytes]:
        """The bytes that `data` adds, a little more than `room` at most."""
        parts = []
        while data and room > 0:
            if self._decoder.eof:
                self._decoder = zlib.decompressobj(self._bits)
            try:
                part = self._decoder.decompress(data, room)
            except zlib.error:
                if self._bits != 15 or self._begun:
                    raise
                # Many servers say "deflate" and mean it without zlib's header.
                self._bits, self._decoder = -15, zlib.decompressobj(-15)
                continue
            self._begun = True
            room -= len(part)
            parts.append(part)
            data = self._decoder.unconsumed_tail or self._decoder.unused_data
        return parts

    @property
    def is_complete(self) -> bool:
        """Whether the stream ended as its format says."""
        return self._decoder.eof


def refusal(url: str, status: int, headers: dict[bytes, str], body: bytes) -> Exception:
    """What an answer that is neither 200 nor a redirect means: NotHad or Trouble."""
    if status in (404, 410, 451):
        return NotHad("missing", f"{url} answered {status}", body)
    if status in (408, 425, 429) or status >= 500:
        return Trouble(f"{status}", f"it answered {status}", retry_after=retry_after(headers.get(b"retry-after")))
    if 400 <= status < 500:
        return Trouble("refused", f"it answered {status}", again=False)
    return NotJson(body) if status < 300 else Trouble("protocol", f"it answered {status} without a place to go")


def retry_after(text: str | None, now: datetime | None = None) -> float | None:
    """The seconds that a Retry-After header asks for, ten minutes at most; None when it says nothing sensible.

    Source: RFC 9110, section 10.2.3: seconds or an HTTP date.
    """
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_RETRY_AFTER)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(max((date - (now or datetime.now(UTC))).total_seconds(), 0.0), LONGEST_RETRY_AFTER)


def trouble(error: Exception) -> Exception:
    """What broke on the way. The transport's names mislead (a reset is a ConnectTimeout), its causes do not."""
    cause = (error.__cause__ if isinstance(error, httpx.TransportError) else None) or error
    reason: BaseException | None = error
    while reason is not None:
        if isinstance(reason, PrivateAddress):
            return NotHad("address", str(reason))
        reason = reason.__cause__ or reason.__context__
    text = str(cause)[:200] or type(cause).__name__
    if isinstance(cause, aiohttp.InvalidURL):
        return NotHad("address", f"it is no address that can be asked: {text}")
    if isinstance(cause, TimeoutError | httpx.TimeoutException):
        return Trouble("timeout", "no answer in time")
    if isinstance(cause, aiohttp.ClientConnectorError | httpx.ConnectError):
        return Trouble("connect", f"no connection: {text}")
    if isinstance(cause, aiohttp.ClientPayloadError | zlib.error):
        return Trouble("truncated", f"the body was cut short: {text}")
    return Trouble("reset", f"the connection broke: {text}")
