"""A wire that is not to be trusted: answers that never come, come spoiled, or come from another time."""

import copy
import gzip
import json
import random
from collections.abc import Callable, Collection
from typing import Any

import httpx

from tests.support.catalogs import Catalog, Document

FAULTS: dict[str, Callable[[], httpx.Response | Exception]] = {
    "reset": lambda: httpx.ReadError("Connection reset by peer"),
    "no connection": lambda: httpx.ConnectError("refused"),
    "no answer in time": lambda: httpx.ReadTimeout("too late"),
    "500": lambda: httpx.Response(500),
    "503": lambda: httpx.Response(503, headers={"retry-after": "0"}),
    "429": lambda: httpx.Response(429, content=b"slow down"),
    "403": lambda: httpx.Response(403),
    "404": lambda: httpx.Response(404, content=b"<Error/>"),
    "410": lambda: httpx.Response(410),
    "elsewhere": lambda: httpx.Response(302, headers={"location": "http://127.0.0.2:9/elsewhere"}),
    "an HTML page": lambda: httpx.Response(200, content=b"<html>We will be back soon</html>"),
    "nothing": lambda: httpx.Response(200, content=b""),
    "half of it": lambda: httpx.Response(200, content=b'{"@id": "http://127.0.0.1:9/inde'),
    "half of the gzip": lambda: httpx.Response(
        200, headers={"content-encoding": "gzip"}, content=gzip.compress(b'{"items": [' + b"[]," * 99)[:30]
    ),
}


# What becomes of a page on its way, as broken caches and servers make it; its count stays as it is.
COPIES: dict[str, Callable[[Document, random.Random], None]] = {
    "a short copy": lambda page, chance: page["items"].pop(chance.randrange(len(page["items"]))),
    "an empty copy": lambda page, _: page["items"].clear(),
    "of the year 2199": lambda page, _: page.update(commitTimeStamp="2199-01-01T00:00:00Z"),
    "of the last moment": lambda page, _: page.update(commitTimeStamp="9999-12-31T23:59:59.9999999Z"),
    "an item of the year 2199": lambda page, chance: spoil(page, chance, commitTimeStamp="2199-01-01T00:00:00Z"),
    "an item of no time": lambda page, chance: spoil(page, chance, commitTimeStamp="0001-01-01T00:00:00+14:00"),
    "an item with NUL": lambda page, chance: spoil(page, chance, **{"nuget:id": "a\0b"}),
    "an item with half an emoji": lambda page, chance: spoil(page, chance, **{"nuget:version": "1.0.0-\ud83d"}),
    "an item with an endless id": lambda page, chance: spoil(page, chance, **{"nuget:id": "x" * 5000}),
    "an item of another kind": lambda page, chance: spoil(page, chance, **{"@type": "nuget:PackageMoved"}),
}


# The same for the index, which has no odd items: each of its entries is the header of a page.
INDEXES = ("of the year 2199", "of the last moment")


def spoil(page: Document, chance: random.Random, **wrong: Any) -> None:
    """Break one line of a page, and leave its address as it is."""
    number = chance.randrange(len(page["items"]))
    page["items"][number] = page["items"][number] | wrong


class ShakyWire:
    """Makes some answers of a catalog faulty: decided by seed, address and how often that was asked, never by the order
    of the requests. `made` says which, for whoever reads why an example failed.

    With the `catalog`, pages and indexes are also spoiled on their way.
    """

    def __init__(self, seed: int, often: float, catalog: Catalog | None = None) -> None:
        self.often = often
        self.catalog = catalog
        self.made: list[str] = []
        self._seed = seed

    def __call__(self, path: str, times: int) -> httpx.Response | Exception | None:
        chance = random.Random(f"{self._seed} {path} {times}")
        if chance.random() >= self.often:
            return None
        copies = self._copies(path)
        name = chance.choice([*FAULTS, *copies])
        self.made.append(f"{path} for the {times}. time: {name}")
        if name in FAULTS:
            return FAULTS[name]()
        document = copy.deepcopy(self.catalog.document(path)) if self.catalog else None
        assert document is not None
        if path == "/index.json" and chance.random() < 0.5 and document["items"]:
            COPIES[name](chance.choice(document["items"]), chance)
        else:
            COPIES[name](document, chance)
        return httpx.Response(200, content=json.dumps(document).encode())

    def _copies(self, path: str) -> Collection[str]:
        if self.catalog is None or self.catalog.document(path) is None or path == "/v3/index.json":
            return ()
        return INDEXES if path == "/index.json" else COPIES
