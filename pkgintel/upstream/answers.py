"""What the answers of a server mean: the errors of one fetch (`pkgintel.errors` draws them), and how Retry-After reads.

Nothing here opens a connection.
"""

import zlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import httpx

LONGEST_RETRY_AFTER = 600.0  # No server may send the fleet away for longer.


class Unobtainable(Exception):
    """The document cannot be fetched, and asking again now would not help.

    `reason` is one of missing, redirect, too-large, not-json, address; `body` is what came instead, if anything did.
    """

    def __init__(self, reason: str, message: str, body: bytes | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.body = body


class FetchFailed(Exception):
    """One attempt failed. `kind` is how it is counted; `again` whether another attempt may help."""

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        again: bool = True,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.again = again
        self.retry_after = retry_after


class NotJson(FetchFailed):
    """Raised by a reader of bodies: this one is no JSON at all (cut short, an HTML page, wrong bytes)."""

    def __init__(self, body: bytes) -> None:
        start = body[:60].decode("utf-8", "replace").strip()
        super().__init__("not-json", f"the body is not JSON: it begins with {start!r}" if body else "the body is empty")
        self.body = body


class BrokenLeaf(ValueError):
    """A leaf that is JSON but not as promised."""

    def __init__(self, message: str, body: bytes) -> None:
        super().__init__(message)
        self.body = body


class PrivateAddress(OSError):
    """A host of a public source resolved to private addresses only."""


def refusal(url: str, status: int, headers: dict[bytes, str], body: bytes) -> Exception:
    """What an answer that is neither 200 nor a redirect means: Unobtainable or FetchFailed."""
    if status in (404, 410, 451):
        return Unobtainable("missing", f"{url} answered {status}", body)
    if status in (408, 425, 429) or status >= 500:
        return FetchFailed(f"{status}", f"it answered {status}", retry_after=retry_after(headers.get(b"retry-after")))
    if 400 <= status < 500:
        return FetchFailed("refused", f"it answered {status}", again=False)
    return NotJson(body) if status < 300 else FetchFailed("protocol", f"it answered {status} without a place to go")


def retry_after(text: str | None, now: datetime | None = None, longest: float = LONGEST_RETRY_AFTER) -> float | None:
    """The seconds that a Retry-After header asks for, `longest` at most; None when it says nothing sensible.

    Source: RFC 9110, section 10.2.3: seconds or an HTTP date.
    """
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), longest)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # No date, or one whose numbers no date can hold.
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(max((date - (now or datetime.now(UTC))).total_seconds(), 0.0), longest)


def failure_of(error: Exception) -> Exception:
    """What broke on the way: FetchFailed or Unobtainable.

    The transport's names mislead (a reset is a ConnectTimeout), its causes do not.
    """
    cause = (error.__cause__ if isinstance(error, httpx.TransportError) else None) or error
    reason: BaseException | None = error
    while reason is not None:
        if isinstance(reason, PrivateAddress):
            return Unobtainable("address", str(reason))
        reason = reason.__cause__ or reason.__context__
    text = str(cause)[:200] or type(cause).__name__
    if isinstance(cause, aiohttp.InvalidURL):
        return Unobtainable("address", f"it is no address that can be asked: {text}")
    if isinstance(cause, TimeoutError | httpx.TimeoutException):
        return FetchFailed("timeout", "no answer in time")
    if isinstance(cause, aiohttp.ClientConnectorError | httpx.ConnectError):
        return FetchFailed("connect", f"no connection: {text}")
    if isinstance(cause, aiohttp.ClientPayloadError | zlib.error):
        return FetchFailed("truncated", f"the body was cut short: {text}")
    return FetchFailed("reset", f"the connection broke: {text}")
