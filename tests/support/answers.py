"""What a hostile server answers: a document with every fault that an answer can have, and how it goes out."""

import asyncio
import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One answer and its faults; with none of them it is a plain 200."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    redirect: str | None = None  # 302 to there.
    retry_after: str | int | None = None
    delay: float = 0.0  # Seconds before the first byte.
    gzip: bool = False
    chunked: bool = False
    length: int | None = None  # The Content-Length it claims.
    until_close: bool = False  # Neither length nor chunks: the end of the connection ends the body.
    close_after: int | None = None  # So many bytes of the body, then an orderly end of the connection.
    reset_after: int | None = None  # So many bytes of the body, then a TCP reset.
    drip: float | None = None  # Seconds between single bytes of the body.
    drip_head: float | None = None  # The same for the head.
    hang: bool = False  # Never an answer.
    held: threading.Event | None = None  # No answer until this is set.
    refuse: bool = False  # The connection is closed without an answer.
    raw: bytes | None = None  # The whole answer as it is, head and all; then an orderly end of the connection.
    endless: bytes | None = None  # After the body these bytes, again and again, as long as the client listens.
    ranges: bool = False  # 206 to whoever asks for a part of the body.

    def encoded(self) -> bytes:
        """The body as it is sent."""
        body = self.body
        if not isinstance(body, bytes | str):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        return gzip.compress(body) if self.gzip else body

    def part(self, wanted: str) -> "Answer":
        """The answer with the part of its body that a Range header names."""
        first, last = map(int, wanted.removeprefix("bytes=").split("-"))
        body = self.encoded()
        part = body[first : last + 1]
        said = f"bytes {first}-{first + len(part) - 1}/{len(body)}"
        return replace(self, body=part, status=206, headers={"Content-Range": said, **self.headers})

    async def send(self, writer: asyncio.StreamWriter, answered: Callable[[], None]) -> bool:
        """Write all of it, `answered` called before the last bytes; whether the connection stays open."""
        if self.raw is not None:
            answered()
            writer.write(self.raw)
            await writer.drain()
            return False
        text, body = self._framed()
        cut = self.reset_after if self.reset_after is not None else self.close_after
        sent = body if cut is None else body[:cut]
        if self.drip_head is not None:
            await _drip(text, self.drip_head, writer)
            text = b""
        if self.drip is not None:
            writer.write(text)
            await _drip(sent, self.drip, writer)
            answered()
        else:
            answered()
            writer.write(text + sent)
        await writer.drain()
        while self.endless is not None:
            writer.write(self.endless)
            await writer.drain()
        if self.reset_after is not None:
            # So that the client has read what was sent before the reset throws it away.
            await asyncio.sleep(0.02)
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        return cut is None and not self.until_close and self.length is None

    def _framed(self) -> tuple[bytes, bytes]:
        """The head, and the body as it comes behind that."""
        body = self.encoded()
        status = 302 if self.redirect and self.status == 200 else self.status
        head = {"Content-Type": self.content_type, "Date": "Mon, 23 Nov 2026 00:00:00 GMT"}
        if self.gzip:
            head["Content-Encoding"] = "gzip"
        if self.redirect is not None:
            head["Location"] = self.redirect
        if self.retry_after is not None:
            head["Retry-After"] = str(self.retry_after)
        if self.chunked:
            head["Transfer-Encoding"] = "chunked"
            body = b"".join(
                b"%x\r\n%b\r\n" % (len(part), part)
                for part in (body[at : at + 4096] for at in range(0, len(body), 4096))
            ) + (b"0\r\n\r\n" if self.endless is None else b"")  # fmt: skip
        elif self.until_close:
            head["Connection"] = "close"
        else:
            head["Content-Length"] = str(len(body) if self.length is None else self.length)
        head |= self.headers
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in head.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), body


async def _drip(data: bytes, pause: float, writer: asyncio.StreamWriter) -> None:
    for at in range(len(data)):
        writer.write(data[at : at + 1])
        await writer.drain()
        await asyncio.sleep(pause)
