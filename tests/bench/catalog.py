"""A NuGet catalog of any size for the benchmark, and a server for it that costs the machine little.

Leaves are as large as nuget.org's (2.6/3.7/6.8/113 KB at p10/p50/p90/max), of packages with several versions each,
with thousands of distinct declarations. Every answer is rendered beforehand into one buffer; forked server processes
share it and their sockets, and wait with each answer as long as the latency of its port says.
"""

import contextlib
import json
import math
import mmap
import os
import random
import select
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import psutil

from pkgintel.nuget import documents as catalog
from pkgintel.nuget import instant

BASE = "http://catalog.bench"  # Stands in the documents until a port is known.
BORN = instant.ticks("2024-05-01T00:00:00Z")
LARGEST = 113_000
EXPRESSIONS = (
    "MIT", "Apache-2.0", "BSD-3-Clause", "MIT OR Apache-2.0", "LGPL-3.0-or-later", "MPL-2.0", "GPL-3.0-only",
    "BSD-2-Clause", "ISC", "Unlicense", "MS-PL", "0BSD", "CC0-1.0", "(MIT AND BSD-3-Clause) OR Apache-2.0",
    "GPL-2.0-only WITH Classpath-exception-2.0", "AGPL-3.0-or-later", "EPL-2.0", "Zlib", "BSL-1.0", "MIT-0",
)  # fmt: skip
_TEXT = (
    "a library that reads and writes packages of the runtime with async streams logging configuration dependency "
    "injection serialization of types for web services clients and servers tools build test data access cloud storage "
    "message queues caching identity tokens validation mapping templates rendering images charts forms parsing text"
)
WORDS = _TEXT.split()


@dataclass(frozen=True, slots=True)
class BenchLeaf:
    """One event: its path and the line that its page holds for it."""

    path: str
    commit: int
    package_id: str
    version: str


@dataclass
class BenchCatalog:
    """`pages` × `items` leaves; the documents that name an address are rendered for a port by `documents`."""

    pages: list[list[BenchLeaf]]
    answers: dict[bytes, tuple[int, int]] = field(repr=False)  # Path → where its whole answer lies in `buffer`.
    buffer: mmap.mmap = field(repr=False)
    name: str = ""

    @property
    def leaves(self) -> int:
        """How many leaves there are."""
        return sum(map(len, self.pages))

    def body(self, leaf: BenchLeaf) -> bytes:
        """A leaf as the server sends it, without the head."""
        start, end = self.answers[leaf.path.encode()]
        return self.buffer[start:end].partition(b"\r\n\r\n")[2]

    def events(self, page: Sequence[BenchLeaf], base: str = BASE) -> list[catalog.Event]:
        """The events of a page, read as the pipeline reads them."""
        return [
            catalog.event(
                catalog.Item.model_construct(
                    url=base + leaf.path, kind="details", commit=leaf.commit, package_id=leaf.package_id,
                    version=leaf.version,
                ),
                self.body(leaf),
            )
            for leaf in page
        ]  # fmt: skip

    def documents(self, origin: str, pages: int | None = None) -> dict[bytes, bytes]:
        """The service index, the index and the pages, as a server at `origin` answers them; `pages` cuts it short."""
        shown = self.pages[:pages]
        root = f"{origin}/{self.name}"
        lines = [
            {
                "@id": f"{root}/page{number}.json",
                "@type": "CatalogPage",
                "commitTimeStamp": instant.timestamp(page[-1].commit),
                "count": len(page),
            }
            for number, page in enumerate(shown)
        ]
        index = {"@id": f"{root}/index.json", "@type": ["CatalogRoot"], "commitTimeStamp": lines[-1]["commitTimeStamp"],
                 "count": len(lines), "items": lines}  # fmt: skip
        service = {"version": "3.0.0", "resources": [{"@id": f"{root}/index.json", "@type": "Catalog/3.0.0"}]}
        found = {f"/{self.name}/v3.json": service, f"/{self.name}/index.json": index}
        for number, page in enumerate(shown):
            items = [
                {
                    "@id": origin + leaf.path,
                    "@type": "nuget:PackageDetails",
                    "commitId": f"{leaf.commit:032x}",
                    "commitTimeStamp": instant.timestamp(leaf.commit),
                    "nuget:id": leaf.package_id,
                    "nuget:version": leaf.version,
                }
                for leaf in page
            ]
            found[f"/{self.name}/page{number}.json"] = {
                **lines[number], "parent": f"{root}/index.json", "items": items,
            }  # fmt: skip
        return {path.encode(): answer(json.dumps(document).encode()) for path, document in found.items()}


def answer(body: bytes) -> bytes:
    """A whole HTTP answer."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def make(pages: int, items: int, name: str, seed: int = 1) -> BenchCatalog:
    """A catalog of `pages` pages of `items` items each, the same for the same arguments."""
    chance = random.Random(seed)
    total = pages * items
    prose = " ".join(chance.choices(WORDS, k=400_000 // 6))
    packages = max(1, total // 4)
    versions = [0] * packages
    leaves: list[BenchLeaf] = []
    rendered: list[bytes] = []
    for number in range(total):
        # Some packages publish often, most seldom: half of the events belong to a tenth of the packages.
        package = chance.randrange(packages // 10 + 1 if chance.random() < 0.5 else packages)
        count = versions[package] = versions[package] + 1
        prerelease = chance.random() < 0.2
        version = f"{1 + count // 40}.{count // 8 % 5}.{count % 8}" + (f"-preview.{count}" if prerelease else "")
        package_id = f"Bench.{WORDS[package % len(WORDS)].title()}.Package{package}"
        commit = BORN + number * 7_000_003
        path = f"/{name}/data/{number}/{package_id.lower()}.{version}.json"
        size = 113_000 if number % 5_000 == 2_500 else _size(chance)
        rendered.append(_leaf(path, package_id, version, commit, _declaration(package, count), prose, size, chance))
        leaves.append(BenchLeaf(path, commit, package_id, version))
    buffer = mmap.mmap(-1, sum(map(len, rendered)))
    answers = {}
    for leaf, whole in zip(leaves, rendered, strict=True):
        start = buffer.tell()
        buffer.write(whole)
        answers[leaf.path.encode()] = start, buffer.tell()
    return BenchCatalog([leaves[at : at + items] for at in range(0, total, items)], answers, buffer, name)


def _size(chance: random.Random) -> int:
    """2.6/3.7/6.8 KB at p10/p50/p90: two halves of a lognormal distribution."""
    deviation = chance.gauss(0, 1)
    return min(LARGEST, round(3700 * math.exp(deviation * (0.275 if deviation < 0 else 0.475))))


def _declaration(package: int, count: int) -> dict[str, str]:
    """Half an expression, a sixth a file, a quarter a URL of the project's own, the rest nothing."""
    kind = (package * 7919) % 24
    if kind < 12 or (kind < 16 and count > 20):  # Some relicense with their twentieth version.
        expression = EXPRESSIONS[(package * 31) % len(EXPRESSIONS)]
        return {"licenseExpression": expression, "licenseUrl": f"https://licenses.nuget.org/{expression}"}
    if kind < 16:
        return {"licenseFile": "LICENSE.txt", "licenseUrl": "https://aka.ms/deprecateLicenseUrl"}
    if kind < 22:
        return {"licenseUrl": f"https://github.com/bench/project{package}/blob/main/LICENSE"}
    return {}


def _leaf(
    path: str,
    package_id: str,
    version: str,
    commit: int,
    declaration: Mapping[str, str],
    prose: str,
    size: int,
    chance: random.Random,
) -> bytes:
    at = chance.randrange(len(prose) - 2000)
    groups = [
        {
            "@id": f"{BASE}{path}#dependencygroup/{framework}",
            "@type": "PackageDependencyGroup",
            "dependencies": [
                {"@type": "PackageDependency", "id": f"Bench.Needs{at % 97 + more}", "range": f"[{more}.0.1, )"}
                for more in range(3)
            ],
            "targetFramework": framework,
        }
        for framework in ("netstandard2.0", "net8.0")
    ]
    document = {
        "@id": f"{BASE}{path}",
        "@type": ["PackageDetails", "catalog:Permalink"],
        "authors": f"Author {at % 5000}",
        "catalog:commitId": f"{commit:032x}",
        "catalog:commitTimeStamp": instant.timestamp(commit),
        "created": instant.timestamp(commit - 50_000_000),
        "description": prose[at : at + 300],
        "id": package_id,
        "isPrerelease": "-" in version,
        **declaration,
        "listed": True,
        "packageHash": f"{at:0128x}",
        "packageHashAlgorithm": "SHA512",
        "packageSize": at,
        "projectUrl": f"https://github.com/bench/{package_id.lower()}",
        "published": instant.timestamp(commit - 50_000_000),
        "requireLicenseAcceptance": False,
        "verbatimVersion": version,
        "version": version,
        "dependencyGroups": groups,
        "tags": prose[at : at + 60].split(),
    }
    body = json.dumps(document)
    missing = size - len(body)
    entries: list[dict[str, Any]] = []
    while missing > 0:
        start = chance.randrange(len(prose) - 100)
        entry = {
            "@id": f"{BASE}{path}#lib/{len(entries)}",
            "@type": "PackageEntry",
            "compressedLength": start,
            "fullName": f"lib/net8.0/{prose[start : start + 40].replace(' ', '.')}{len(entries)}.dll",
            "length": start * 3,
            "name": f"{prose[start : start + 40].replace(' ', '.')}{len(entries)}.dll",
        }
        entries.append(entry)
        missing -= 330
    if entries:
        document["packageEntries"] = entries
        body = json.dumps(document)
    return answer(body.encode())


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
