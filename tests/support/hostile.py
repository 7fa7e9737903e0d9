"""A catalog server that misbehaves as told: for each path an answer, or a script of answers used one after the other.

    with HostileServer() as server:
        server.put("/v3/index.json", {"version": "3.0.0", "resources": [...]})
        server.script("/leaf.json", [Answer(status=503), Answer(body=leaf, reset_after=100), leaf])
        ...
        assert server.count("/leaf.json") == 3

It runs in a thread of its own on a free loopback port and may be told anything at any time from any thread. The last
answer of a script stays. Bodies are bytes, text, or what JSON can write. Paths nobody put are answered with 404 and
XML, as Azure does, unless `fallback` makes an answer.
"""

import asyncio
import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

MISSING = b'<?xml version="1.0" encoding="utf-8"?><Error><Code>BlobNotFound</Code></Error>'


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


@dataclass(frozen=True)
class Request:
    """A request as it came: path with query, headers in lower case, and when (monotonic seconds)."""

    path: str
    headers: Mapping[str, str]
    at: float


class HostileServer:
    """The server; a context manager, or `start` and `stop`."""

    def __init__(self, *, latency: float = 0.0, port: int = 0) -> None:
        self.latency = latency  # Seconds before every answer.
        self.requests: list[Request] = []
        self.in_flight = 0
        self.peak_in_flight = 0
        self.connections = 0  # Ever accepted.
        self.open_connections = 0
        self.down = False  # While true every connection is closed without an answer.
        self.fallback: Callable[[str], Any] | None = None  # path → an answer or a body, for paths nobody put.
        self.port = port
        self._scripts: dict[str, list[Answer]] = {}
        self._lock = threading.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="hostile", daemon=True)

    def __enter__(self) -> "HostileServer":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> "HostileServer":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return self.origin + path

    def put(self, path: str, body: Any = b"", **behaviour: Any) -> None:
        """Answer `path` so from now on; `behaviour` as the fields of `Answer`."""
        self.script(path, [Answer(body, **behaviour)])

    def script(self, path: str, answers: Sequence[Any]) -> None:
        """Answer `path` with these, one after the other; a member that is no Answer is a body."""
        with self._lock:
            self._scripts[path] = [one if isinstance(one, Answer) else Answer(one) for one in answers]

    def remove(self, path: str) -> None:
        """Answer `path` with 404 again."""
        with self._lock:
            self._scripts.pop(path, None)

    def count(self, path: str) -> int:
        """How often `path` was asked for."""
        return sum(request.path == path for request in list(self.requests))

    def clear(self) -> None:
        """Nothing was put here, and nobody asked."""
        with self._lock:
            self._scripts.clear()
        self.forget()

    def forget(self) -> None:
        """Begin the counting anew."""
        with self._lock:
            self.requests.clear()
            self.peak_in_flight = self.in_flight

    def _next(self, path: str) -> Answer:
        with self._lock:
            script = self._scripts.get(path) or self._scripts.get(path.partition("?")[0])
            if script:
                return script.pop(0) if len(script) > 1 else script[0]
        if self.fallback is not None:
            made = self.fallback(path)
            if made is not None:
                return made if isinstance(made, Answer) else Answer(made)
        return Answer(MISSING, status=404, content_type="application/xml")

    def _serve(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_connections += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while not self.down:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                    if not await self._exchange(head, reader, writer):
                        break
        finally:
            self.open_connections -= 1
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection stays open."""
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        path = first.split(" ")[1]
        with self._lock:
            self.requests.append(Request(path, headers, time.monotonic()))
            self.in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        counted = True

        def answered() -> None:
            # Before the last bytes leave: the client's next request must not overlap with this one.
            nonlocal counted
            if counted:
                counted = False
                with self._lock:
                    self.in_flight -= 1

        try:
            answer = self._next(path)
            if answer.ranges and "range" in headers:
                answer = answer.part(headers["range"])
            while answer.held is not None and not answer.held.is_set():
                if await self._left(reader, 0.01):
                    return False
            delay = None if answer.hang else self.latency + answer.delay
            if delay != 0 and await self._left(reader, delay):
                return False
            if answer.refuse or self.down:
                return False
            return await self._send(answer, writer, answered)
        finally:
            answered()

    async def _left(self, reader: asyncio.StreamReader, seconds: float | None) -> bool:
        """Whether the client went away within `seconds`, or ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await reader.read(1)
                return True
        return False

    async def _send(self, answer: Answer, writer: asyncio.StreamWriter, answered: Callable[[], None]) -> bool:
        if answer.raw is not None:
            answered()
            writer.write(answer.raw)
            await writer.drain()
            return False
        body = answer.encoded()
        status = 302 if answer.redirect and answer.status == 200 else answer.status
        head = {"Content-Type": answer.content_type, "Date": "Mon, 23 Nov 2026 00:00:00 GMT"}
        if answer.gzip:
            head["Content-Encoding"] = "gzip"
        if answer.redirect is not None:
            head["Location"] = answer.redirect
        if answer.retry_after is not None:
            head["Retry-After"] = str(answer.retry_after)
        if answer.chunked:
            head["Transfer-Encoding"] = "chunked"
            body = b"".join(
                b"%x\r\n%b\r\n" % (len(part), part)
                for part in (body[at : at + 4096] for at in range(0, len(body), 4096))
            ) + (b"0\r\n\r\n" if answer.endless is None else b"")  # fmt: skip
        elif answer.until_close:
            head["Connection"] = "close"
        else:
            head["Content-Length"] = str(len(body) if answer.length is None else answer.length)
        head |= answer.headers
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in head.items())]
        text = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        cut = answer.reset_after if answer.reset_after is not None else answer.close_after
        sent = body if cut is None else body[:cut]
        if answer.drip_head is not None:
            await self._drip(text, answer.drip_head, writer)
            text = b""
        if answer.drip is not None:
            writer.write(text)
            await self._drip(sent, answer.drip, writer)
            answered()
        else:
            answered()
            writer.write(text + sent)
        await writer.drain()
        while answer.endless is not None:
            writer.write(answer.endless)
            await writer.drain()
        if answer.reset_after is not None:
            # So that the client has read what was sent before the reset throws it away.
            await asyncio.sleep(0.02)
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        return cut is None and not answer.until_close and answer.length is None

    async def _drip(self, data: bytes, pause: float, writer: asyncio.StreamWriter) -> None:
        for at in range(len(data)):
            writer.write(data[at : at + 1])
            await writer.drain()
            await asyncio.sleep(pause)


def with_answer(answer: Answer, **changes: Any) -> Answer:
    """`answer` with other fields."""
    return replace(answer, **changes)
