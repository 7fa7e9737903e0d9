"""A NuGet catalog in this process, without a socket: events laid on pages, an index that may lag behind them.

    catalog = Catalog()
    catalog.add("page0", details("A", "1.0.0", commit=5))
    catalog.publish()                       # the index now says what the pages hold
    client = Client(settings, transport=catalog)

Every answer is made when it is asked for, so a page may grow, or break, between two requests.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

import httpx

from tests.support.oracle import Event, ticks

BASE = "http://127.0.0.1:9"
START = "2024-05-01T00:00:00"
ZERO = ticks(START + "Z")
Document: TypeAlias = dict[str, Any]


def stamp(commit: int) -> str:
    """`commit` ticks after a May morning, as the catalog writes time: trailing zeros trimmed."""
    seconds, fraction = divmod(commit, 10**7)
    days, rest = divmod(seconds, 86400)
    assert 0 <= days < 30, "a month is enough"
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"2024-05-{days + 1:02d}T{clock}.{fraction:07d}".rstrip("0").rstrip(".") + "Z"


def details(package: str, version: str, commit: int, *, base: str = BASE, name: str = "", **said: Any) -> Event:
    """A leaf of a version that was published or edited, with its line; `said` is more of the leaf, None takes away."""
    line = _line("PackageDetails", package, version, commit, base, name)
    leaf = {
        "@id": line["@id"],
        "@type": ["PackageDetails", "catalog:Permalink"],
        "catalog:commitId": "0",
        "catalog:commitTimeStamp": stamp(commit),
        "created": "2024-04-30T12:00:00.123Z",
        "id": package,
        "isPrerelease": "-" in version,
        "listed": True,
        "published": "2024-04-30T12:00:00.123Z",
        "version": version,
    }
    return Event(line, {key: value for key, value in (leaf | said).items() if value is not None})


def delete(package: str, version: str, commit: int, *, base: str = BASE, name: str = "") -> Event:
    """A delete leaf, which has no metadata in its version."""
    line = _line("PackageDelete", package, version.partition("+")[0], commit, base, name)
    leaf = {
        "@id": line["@id"],
        "@type": ["PackageDelete", "catalog:Permalink"],
        "catalog:commitId": "0",
        "catalog:commitTimeStamp": stamp(commit),
        "id": package,
        "originalId": package,
        "published": stamp(commit),
        "version": version.partition("+")[0],
    }
    return Event(line, leaf)


def _line(kind: str, package: str, version: str, commit: int, base: str, name: str) -> Document:
    text = f"{base}/data/{commit}/{kind}{name}/{package}.{version.partition('+')[0]}.json"
    return {
        "@id": text if text.isascii() else str(httpx.URL(text)),
        "@type": f"nuget:{kind}",
        "commitId": "0",
        "commitTimeStamp": stamp(commit),
        "nuget:id": package,
        "nuget:version": version,
    }


class Catalog(httpx.AsyncBaseTransport):
    """The pages as they are, the index as it was last published, and the leaves of every event that ever was."""

    def __init__(self, base: str = BASE) -> None:
        self.base = base
        self.pages: dict[str, list[Event]] = {}
        self.index: dict[str, int] = {}
        self.counts: dict[str, int] = {}  # How many items the index says of each page.
        self.asked: Counter[str] = Counter()
        self.broken: dict[str, Callable[[], httpx.Response]] = {}  # By path: answered so instead.
        self.before: Callable[[str], None] = lambda _path: None  # Called with the path of each request.
        # Called with the path and how often it was asked for by now: what is answered, or raised, instead.
        self.fault: Callable[[str, int], httpx.Response | Exception | None] = lambda _path, _times: None
        self._leaves: dict[str, bytes] = {}

    def add(self, page: str, *events: Event) -> None:
        """Put events on a page, at once visible to who reads the page."""
        self.pages.setdefault(page, []).extend(events)
        self._leaves |= {self.path(event.url): json.dumps(event.leaf).encode() for event in events}

    def publish(self, stale: Collection[str] = ()) -> None:
        """Let the index say what the pages hold now, but for `stale` pages, of which it keeps what it said."""
        for page, events in self.pages.items():
            if page not in stale:
                self.index[page] = max(event.commit for event in events)
                self.counts[page] = len(events)

    @property
    def events(self) -> list[Event]:
        """All that is on the pages; a leaf listed twice is there twice."""
        return [event for events in self.pages.values() for event in events]

    def url(self, page: str) -> str:
        """The address of a page."""
        return f"{self.base}/{page}.json"

    def path(self, url: str) -> str:
        """What of an address is behind its host, as it comes in a request."""
        return url.removeprefix(self.base) if url.startswith(self.base) else httpx.URL(url).raw_path.decode()

    def break_leaf(self, event: Event, status: int = 404, body: bytes = b"<Error/>") -> None:
        """Answer this leaf so from now on."""
        self.broken[self.path(event.url)] = lambda: httpx.Response(status, content=body)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request, as httpx asks a transport for it."""
        path = request.url.raw_path.decode()
        self.before(path)
        self.asked[path] += 1
        fault = self.fault(path, self.asked[path])
        if isinstance(fault, Exception):
            raise fault
        if fault is not None:
            return fault
        if path in self.broken:
            return self.broken[path]()
        if path in self._leaves:
            return httpx.Response(200, content=self._leaves[path])
        document = self.document(path)
        return httpx.Response(404) if document is None else httpx.Response(200, content=json.dumps(document).encode())

    def document(self, path: str) -> Document | None:
        if path == "/v3/index.json":
            found = [{"@id": f"{self.base}/index.json", "@type": "Catalog/3.0.0"}]
            return {"version": "3.0.0", "resources": found}
        if path == "/index.json":
            entries = [self._entry(page, commit) | self._count(page) for page, commit in self.index.items()]
            # In no order, as the real one.
            entries.sort(key=lambda entry: str(entry["@id"])[::-1])
            return self._entry("index", max(self.index.values(), default=ZERO)) | {
                "@type": ["CatalogRoot", "AppendOnlyCatalog"],
                "count": self.counts.get("index", len(entries)),
                "items": entries,
            }
        page = path.removeprefix("/").removesuffix(".json")
        if page not in self.pages:
            return None
        events = sorted(self.pages[page], key=lambda event: -event.commit)  # Newest first, as the real ones.
        lines = [event.item for event in events]
        return self._entry(page, events[0].commit) | {"count": len(lines), "items": lines}

    def _count(self, page: str) -> Document:
        return {"count": self.counts[page]} if page in self.counts else {}

    def _entry(self, page: str, commit: int) -> Document:
        return {"@id": self.url(page), "@type": "CatalogPage", "commitId": "0", "commitTimeStamp": _utc(commit)}


def _utc(commit: int) -> str:
    """Ticks since 1970, which is what events say, back to text."""
    return stamp(commit - ZERO)
