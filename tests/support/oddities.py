"""Making a bench's catalog answer oddly, the ways in which a line of it may be wrong, and what is kept of them."""

import json
from typing import Any

import httpx

from pkgintel import database as db
from pkgintel.pipeline import replay
from pkgintel.pipeline.replay import ReplayRequest
from tests.support.catalogs import Document, details
from tests.support.oracle import Event
from tests.support.scans import Bench

FUTURE = ("2199-01-01T00:00:00Z", "9999-12-30T23:59:59.9999999Z")
UNREADABLE = (
    "9999-12-31T23:59:59.9999999Z",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
)
STAMPS: tuple[Any, ...] = (*FUTURE, *UNREADABLE, "yesterday", "", None, {})
URLS: tuple[Any, ...] = ("http://127.0.0.1:9/\0", "http://127.0.0.1:9/\ud800", "x" * 2001, "", None, [], "//[::1")
IDS: tuple[Any, ...] = ("a\0", "\udfff", "x" * 1001, "", None, 5, [])
VERSIONS: tuple[Any, ...] = ("1.0.0\0", "1.0.0-\ud83d", "1" * 501, "", None, 1.0)
KINDS: tuple[Any, ...] = ("nuget:PackageMoved", None, 5, [], ["PackageDetail"])
WRONG: list[Document] = [
    {key: value}
    for key, values in (
        ("commitTimeStamp", STAMPS), ("@id", URLS), ("nuget:id", IDS), ("nuget:version", VERSIONS), ("@type", KINDS),
    )
    for value in values
]  # fmt: skip


def document(bench: Bench, path: str = "/page0.json", **changes: Any) -> Document:
    """What the catalog answers at `path`, changed."""
    found = json.loads(json.dumps(bench.catalog.document(path)))
    return {key: value for key, value in (found | changes).items() if value is not ...}


def answer(bench: Bench, path: str, **changes: Any) -> None:
    """Answer `path` from now on with what it holds now, changed; `...` takes a key away."""
    body = json.dumps(document(bench, path, **changes)).encode()
    bench.catalog.broken[path] = lambda: httpx.Response(200, content=body)


def spoiled(bench: Bench, number: int, **wrong: Any) -> list[Document]:
    """Answer the page with one of its lines broken in these parts; the lines that it has then."""
    lines = document(bench)["items"]
    lines[number] |= wrong
    answer(bench, "/page0.json", items=lines)
    return [*lines]


def grown(bench: Bench, events: int = 3) -> list[Event]:
    made = [details(f"P{number}", "1.0.0", number) for number in range(events)]
    bench.catalog.add("page0", *made)
    bench.catalog.publish()
    return made


def read_rejected(bench: Bench, wanted: ReplayRequest | None = None) -> None:
    wanted = wanted or ReplayRequest(rejected=True)
    run_id, urls = replay.open_run(bench.conn, bench.settings, bench.client, wanted)
    for url in urls:
        bench.read(run_id, url)
    assert replay.finish(bench.conn, run_id)


def rows(bench: Bench) -> list[db.Row]:
    return bench.conn.execute("SELECT * FROM ops.rejected_leaves ORDER BY first_seen, leaf_url").fetchall()
