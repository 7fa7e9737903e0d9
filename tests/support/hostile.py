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
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from tests.support.answers import Answer

MISSING = b'<?xml version="1.0" encoding="utf-8"?><Error><Code>BlobNotFound</Code></Error>'


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
            return await answer.send(writer, answered)
        finally:
            answered()

    async def _left(self, reader: asyncio.StreamReader, seconds: float | None) -> bool:
        """Whether the client went away within `seconds`, or ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await reader.read(1)
                return True
        return False
