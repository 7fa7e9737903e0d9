"""Leaves of a page from a hostile server: their order, what is rejected of them, and what ends them all."""

import json
import threading

import pytest

from pkgintel.errors import UpstreamUnavailable
from pkgintel.nuget.documents import Item
from pkgintel.pipeline.page_write import reject_row
from pkgintel.settings import Settings
from pkgintel.upstream.client import Client
from pkgintel.upstream.leaves import REJECTED_BYTES, Reject, fetch_leaves
from pkgintel.upstream.origins import CatalogAddress
from pkgintel.upstream.slots import LocalLimit
from tests.support.answers import Answer
from tests.support.hostile import HostileServer
from tests.support.leaves import items, leaf_of, line
from tests.support.waiting import until


def test_leaves_come_in_the_order_of_their_items(
    client: Client, server: HostileServer, catalog: CatalogAddress
) -> None:
    wanted = items(server, 100)
    for number in range(100):
        server.put(f"/{number}", leaf_of(number), delay=0.02 if number % 7 == 0 else 0.0, gzip=number % 2 == 0)
    got = fetch_leaves(client, catalog, wanted, LocalLimit(8))
    assert [event.url for event in got.events] == [item.url for item in wanted]
    assert got.rejected == []
    assert server.peak_in_flight <= 8
    assert json.loads(got.events[3].body) == leaf_of(3)
    server.put("/3", b"\xef\xbb\xbf" + json.dumps(leaf_of(3)).encode())
    assert json.loads(fetch_leaves(client, catalog, wanted[3:4], LocalLimit(8)).events[0].body) == leaf_of(3)
    assert fetch_leaves(client, catalog, [], LocalLimit(8)).events == []


def test_what_cannot_be_had_or_read_is_rejected(client: Client, server: HostileServer, catalog: CatalogAddress) -> None:
    wanted = items(server, 14)
    server.put("/0", leaf_of(0))
    server.put("/1", b"<Error/>", status=404)
    server.put("/2", status=410)
    server.put("/3", redirect="https://evil.example/3")
    server.put("/4", json.dumps(leaf_of(4)) + " " * 10_000, gzip=True)
    server.put("/5", b"<html>")
    server.put("/6", b'{"cut": ')
    server.put("/7", leaf_of(7, listed="maybe"))
    server.put("/8", leaf_of(9))
    server.put("/9", leaf_of(9, version="not a version"))
    server.put("/10", redirect="/moved")
    server.put("/moved", leaf_of(10))
    server.put("/11", redirect=f"http://localhost:{server.port}/moved")
    wanted[12] = Item.read(line(server, 12, "file:///etc/passwd"))
    wanted[13] = Item.read(line(server, 13, "http://127.0.0.1:1/13"))
    seen: list[tuple[int, int, threading.Thread]] = []
    got = fetch_leaves(
        client, catalog, wanted, LocalLimit(4), lambda done, of: seen.append((done, of, threading.current_thread()))
    )
    assert [event.package_key for event in got.events] == ["p0", "p10"]
    assert {int(reject.item.package_id[1:]): reject.reason for reject in got.rejected} == {
        1: "missing",
        2: "missing",
        3: "redirect",
        4: "too-large",
        5: "not-json",
        6: "not-json",
        7: "schema",
        8: "schema",
        9: "schema",
        11: "redirect",
        12: "address",
        13: "address",
    }
    by_number = {int(reject.item.package_id[1:]): reject for reject in got.rejected}
    assert by_number[1].body == b"<Error/>"
    assert by_number[5].body == b"<html>"
    assert "listed" in by_number[7].error
    assert json.loads(by_number[7].body or b"") == leaf_of(7, listed="maybe")
    assert by_number[4].body is None
    assert seen[-1] == (14, 14, threading.current_thread())


def test_one_leafs_lasting_trouble_ends_it_for_all(
    client: Client, server: HostileServer, catalog: CatalogAddress
) -> None:
    for number in range(200):
        server.put(f"/{number}", leaf_of(number), delay=0.05)
    server.put("/20", status=503)
    with pytest.raises(UpstreamUnavailable, match=r"/20 cannot be fetched: it answered 503 \(3 tries\)"):
        fetch_leaves(client, catalog, items(server, 200), LocalLimit(8))
    asked = len(server.requests)
    assert asked < 100
    until(lambda: server.in_flight == 0, "no request is under way", timeout=5)
    assert len(server.requests) == asked


@pytest.mark.parametrize("status", [401, 403])
def test_being_refused_is_not_the_leafs_fault(
    client: Client, server: HostileServer, catalog: CatalogAddress, status: int
) -> None:
    server.put("/0", status=status)
    with pytest.raises(UpstreamUnavailable, match=f"answered {status}"):
        fetch_leaves(client, catalog, items(server, 1), LocalLimit(8))


def test_a_burst_of_trouble_loses_nothing(client: Client, server: HostileServer, catalog: CatalogAddress) -> None:
    faults = [
        Answer(status=500),
        Answer(status=429, retry_after=0),
        Answer(refuse=True),
        Answer(leaf_of(0), reset_after=9),
        Answer(leaf_of(0), length=5000),
        Answer("<html>"),
    ]
    for number in range(120):
        server.script(f"/{number}", [faults[number % len(faults)], faults[number // 7 % len(faults)], leaf_of(number)])
    got = fetch_leaves(client, catalog, items(server, 120), LocalLimit(16))
    assert [event.package_key for event in got.events] == [f"p{number}" for number in range(120)]
    assert server.peak_in_flight <= 16


def test_a_page_of_huge_leaves_does_not_fill_the_memory(server: HostileServer, catalog: CatalogAddress) -> None:
    small = Client(Settings(max_page_bytes=1000), backoff=0.0)
    try:
        for number in range(8):
            server.put(f"/{number}", leaf_of(number, description="x" * 900))
        got = fetch_leaves(small, catalog, items(server, 8), LocalLimit(1))
    finally:
        small.close()
    assert len(got.events) == 4
    assert {(reject.reason, reject.body) for reject in got.rejected} == {("too-large", None)}


def test_what_is_kept_of_a_rejected_body_can_be_stored(server: HostileServer) -> None:
    item = items(server, 1)[0]
    assert reject_row(Reject(item, "schema", "", b"a\0b\xff"), "page", 1)["body"] == "a\\x00b\\xff"
    assert reject_row(Reject(item, "missing", "", None), "page", 1)["body"] is None
    assert REJECTED_BYTES == 64_000
