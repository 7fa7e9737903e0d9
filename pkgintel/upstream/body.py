"""The body of an answer as it comes: decoded, bounded in bytes, and a drip seen as one."""

import asyncio
import zlib
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass

from pkgintel.upstream.answers import FetchFailed, Unobtainable

MOST_MEMBERS = 1000  # Of a gzip body: real ones have one, or as many as were joined to make it.
FREE = 256_000  # Bytes of a body under way that nobody counts: more than nearly every leaf has.
SLOWEST = 32_000  # Bytes a second below which a body counts as a drip, once twice the timeout has passed.


class Inflate:
    """Decodes gzip (of several members too) and deflate, never making more bytes than there is room for."""

    def __init__(self, coding: str) -> None:
        if coding not in ("gzip", "x-gzip", "deflate"):
            raise FetchFailed("encoding", f"the body is encoded as {coding[:40]!r}, which was not asked for")
        self._bits = 31 if coding != "deflate" else 15
        self._begun = False
        self._members = 1
        self._decoder = zlib.decompressobj(self._bits)

    def feed(self, data: bytes, room: int) -> list[bytes]:
        """The bytes that `data` adds, a little more than `room` at most."""
        parts = []
        while data and room > 0:
            if self._decoder.eof:
                self._next_member()
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

    def _next_member(self) -> None:
        self._members += 1
        if self._members > MOST_MEMBERS:
            raise Unobtainable("too-large", f"its compressed body has more than {MOST_MEMBERS:,} members")
        self._decoder = zlib.decompressobj(self._bits)

    @property
    def is_complete(self) -> bool:
        """Whether the stream ended as its format says."""
        return self._decoder.eof


class Room:
    """The bytes that large bodies under way may take together; what each takes up to `FREE` is not counted."""

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, count: int) -> bool:
        """Whether there was room for so many more bytes, which are taken then."""
        if count > self._left:
            return False
        self._left -= count
        return True

    def give_back(self, count: int) -> None:
        """So many bytes are under way no more."""
        self._left += count


@dataclass(frozen=True, slots=True)
class Deadline:
    """The end of an exchange that began at `begun` (the loop's time): later, the more bytes have come."""

    timer: asyncio.Timeout
    begun: float
    grace: float  # Seconds.

    def heard(self, received: int) -> None:
        """So many bytes of the body have come so far."""
        self.timer.reschedule(self.begun + self.grace + received / SLOWEST)


async def read(
    chunks: AsyncIterable[bytes],
    headers: Mapping[bytes, str],
    cap: int,
    deadline: Deadline,
    url: str,
    room: Room | None = None,
) -> bytes:
    """The decoded body that `url` answered, of `cap` bytes at most.

    Raises: Unobtainable too-large; FetchFailed for a body cut short or an encoding that was not asked for.
    """
    coding = headers.get(b"content-encoding", "identity").strip().lower()
    inflate = Inflate(coding) if coding != "identity" else None
    if inflate is None and _length(headers) > cap:
        raise _too_large(url, cap)
    # What cannot be compressed grows a little by it; more than that is sent to keep us busy.
    most = cap + cap // 100 + 1000
    body = bytearray()
    received = taken = 0
    try:
        async for chunk in chunks:
            received += len(chunk)
            if received > most:
                raise _too_large(url, cap)
            for part in inflate.feed(chunk, cap - len(body) + 1) if inflate else (chunk,):
                body += part
            if len(body) > cap:
                raise _too_large(url, cap)
            if room is not None and (more := len(body) - FREE - taken) > 0:
                if not room.take(more):
                    raise Unobtainable("too-large", f"{url}: with it, the bodies under way would fill the memory")
                taken += more
            deadline.heard(received)
    finally:
        if room is not None:
            room.give_back(taken)
    if inflate is not None and received and not inflate.is_complete:
        raise FetchFailed("truncated", "the compressed body was cut short")
    return bytes(body)


def _length(headers: Mapping[bytes, str]) -> int:
    """The bytes that the head of an answer announces; 0 where it says nothing, or no number."""
    said = headers.get(b"content-length", "").strip()
    return int(said[:20]) if said.isascii() and said.isdigit() else 0


def _too_large(url: str, cap: int) -> Unobtainable:
    return Unobtainable("too-large", f"{url} is larger than {cap:,} bytes")
