"""A server for the benchmark's catalogs that costs the machine little.

Forked processes share the answers and their sockets, and wait with each answer as long as the latency of its port says.
"""

import contextlib
import mmap
import os
import select
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol

import psutil

from tests.bench.catalog import BenchCatalog, answer


class LazyCatalog(Protocol):
    """A catalog whose documents and leaves are made when they are asked for."""

    def documents(self, origin: str) -> Mapping[bytes, bytes]:
        """The service index, the index and the pages."""

    def leaves(self) -> Mapping[bytes, bytes]:
        """The leaves."""


class BenchServer:
    """Processes of their own that serve `catalogs` until `stop`, one port for each latency (seconds).

    `origin(latency)` is where; at each port every catalog lies under its name.
    """

    def __init__(
        self, catalogs: "Sequence[BenchCatalog] | LazyCatalog", latencies: Sequence[float], processes: int = 2
    ) -> None:
        self.asked = mmap.mmap(-1, 8 * processes)  # A counter of leaf requests for each process.
        self._sockets = {latency: _listen() for latency in latencies}
        self._children: list[int] = []
        documents: dict[socket.socket, tuple[float, Mapping[bytes, bytes]]] = {}
        for latency, listener in self._sockets.items():
            origin = self.origin(latency)
            found: dict[bytes, bytes] = {}
            for one in catalogs if isinstance(catalogs, Sequence) else ():
                found |= one.documents(origin)
            documents[listener] = (latency, found if isinstance(catalogs, Sequence) else catalogs.documents(origin))
        for number in range(processes):
            child = os.fork()
            if child == 0:
                with contextlib.suppress(BaseException):
                    signal.signal(signal.SIGINT, signal.SIG_IGN)
                    signal.signal(signal.SIGTERM, signal.SIG_DFL)
                    _serve(documents, catalogs, self.asked, number, os.getppid())
                os._exit(0)
            self._children.append(child)
        for listener in self._sockets.values():
            listener.listen(1024)

    def origin(self, latency: float) -> str:
        """Where the catalogs are served with this latency."""
        return f"http://127.0.0.1:{self._sockets[latency].getsockname()[1]}"

    def leaf_requests(self) -> int:
        """How many leaves were asked for so far."""
        return sum(int.from_bytes(self.asked[at : at + 8], "little") for at in range(0, len(self.asked), 8))

    def cpu(self) -> float:
        """Seconds of CPU that its processes used so far."""
        used = [psutil.Process(child).cpu_times() for child in self._children]
        return float(sum(one.user + one.system for one in used))

    def stop(self) -> None:
        """End the processes."""
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
                os.waitpid(child, 0)
        self._children.clear()
        for listener in self._sockets.values():
            listener.close()


def _listen() -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def _leaves(catalogs: "Sequence[BenchCatalog] | LazyCatalog") -> Mapping[bytes, bytes | memoryview]:
    if not isinstance(catalogs, Sequence):
        return catalogs.leaves()
    leaves: dict[bytes, bytes | memoryview] = {}
    for one in catalogs:
        view = memoryview(one.buffer)
        leaves |= {path: view[start:end] for path, (start, end) in one.answers.items()}
    return leaves


def _serve(
    documents: Mapping[socket.socket, tuple[float, Mapping[bytes, bytes]]],
    catalogs: "Sequence[BenchCatalog] | LazyCatalog",
    asked: mmap.mmap,
    number: int,
    parent: int,
) -> None:
    """A bare loop over ready sockets: a tenth of what an event loop with streams would take from the machine."""
    leaves = _leaves(catalogs)
    lost = answer(b"{}").replace(b"200 OK", b"404 Not Found", 1)
    selector = selectors.DefaultSelector()
    for listener in documents:
        selector.register(listener, selectors.EVENT_READ, None)
    # For each latency the answers fall due in the order of their requests.
    due: dict[float, deque[tuple[float, socket.socket, memoryview | bytes]]] = {
        latency: deque() for latency, _ in documents.values()
    }
    unsent: dict[socket.socket, memoryview | bytes] = {}
    halves: dict[socket.socket, bytes] = {}
    count = 0

    def send(connection: socket.socket, whole: memoryview | bytes) -> None:
        try:
            sent = connection.send(whole)
        except BlockingIOError:
            sent = 0
        except OSError:
            return
        if sent < len(whole):
            unsent[connection] = memoryview(whole)[sent:]
            selector.modify(connection, selectors.EVENT_READ | selectors.EVENT_WRITE, place[connection])

    place: dict[socket.socket, tuple[float, Mapping[bytes, bytes]]] = {}
    while os.getppid() == parent:
        now = time.monotonic()
        wait = 1.0
        for queue in due.values():
            while queue and queue[0][0] <= now:
                _, connection, whole = queue.popleft()
                send(connection, whole)
            if queue:
                wait = min(wait, max(0.0, queue[0][0] - now))
        # An epoll waits in whole milliseconds, rounded up, which is a tenth of the latency; select does not.
        select.select([selector], [], [], wait)
        for key, events in selector.select(0):
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            connection = ready
            if key.data is None:
                with contextlib.suppress(OSError):
                    made, _ = connection.accept()
                    made.setblocking(False)
                    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    place[made] = documents[connection]
                    selector.register(made, selectors.EVENT_READ, place[made])
                continue
            if events & selectors.EVENT_WRITE and connection in unsent:
                rest = unsent.pop(connection)
                selector.modify(connection, selectors.EVENT_READ, place[connection])
                send(connection, rest)
            if not events & selectors.EVENT_READ:
                continue
            try:
                data = connection.recv(65536)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                selector.unregister(connection)
                for known in (place, unsent, halves):
                    known.pop(connection, None)
                connection.close()
                continue
            if connection in halves:
                data = halves.pop(connection) + data
            latency, found = key.data
            *requests, half = data.split(b"\r\n\r\n")
            if half:
                halves[connection] = half
            for request in requests:
                path = request.split(b" ", 2)[1]
                leaf = leaves.get(path)
                whole = found.get(path, lost) if leaf is None else leaf
                if leaf is not None:
                    count += 1
                    asked[8 * number : 8 * number + 8] = count.to_bytes(8, "little")
                if latency:
                    due[latency].append((time.monotonic() + latency, connection, whole))
                else:
                    send(connection, whole)
