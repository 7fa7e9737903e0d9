"""What is fetched, from a hostile server: discovery, index, pages, leaves and what is rejected of them."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pkgintel.errors import UpstreamChanged, UpstreamUnavailable
from pkgintel.nuget.documents import Item
from pkgintel.pipeline.page_write import reject_row
from pkgintel.settings import Settings
from pkgintel.upstream.client import Client
from pkgintel.upstream.leaves import REJECTED_BYTES, Reject, fetch_leaves
from pkgintel.upstream.origins import CatalogAddress
from pkgintel.upstream.slots import LocalLimit
from pkgintel.upstream.sources import discover, fetch_bytes, fetch_index, fetch_page
from tests.support.hostile import Answer, HostileServer
from tests.support.waiting import until

STAMP = "2026-10-01T12:28:29.9400959Z"


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        yield running


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    settings = Settings(request_timeout=2, request_attempts=3, max_leaf_bytes=10_000, max_page_bytes=1_000_000)
    made = Client(settings, backoff=0.0)
    yield made
    made.close()


@pytest.fixture
def catalog(server: HostileServer) -> CatalogAddress:
    return CatalogAddress(server.url("/c/index.json"), frozenset({server.origin}), public=False)


def leaf_of(number: int, **more: Any) -> dict[str, Any]:
    return {"@type": ["PackageDetails"], "id": f"P{number}", "version": "1.0.0", "listed": True} | more


def line(server: HostileServer, number: int, url: str | None = None) -> dict[str, str]:
    kinds = {"@id": url or server.url(f"/{number}"), "@type": "nuget:PackageDetails", "commitTimeStamp": STAMP}
    return kinds | {"nuget:id": f"P{number}", "nuget:version": "1.0.0"}


def items(server: HostileServer, count: int) -> list[Item]:
    return [Item.model_validate(line(server, number)) for number in range(count)]


def service_index(*resources: tuple[str, Any]) -> dict[str, Any]:
    return {"version": "3.0.0", "resources": [{"@id": url, "@type": kind} for url, kind in resources]}


def mocked(answers: dict[str, Any]) -> Client:
    def answer(request: httpx.Request) -> httpx.Response:
        found = answers.get(str(request.url), httpx.Response(404))
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    return Client(Settings(request_attempts=1), transport=httpx.MockTransport(answer), backoff=0.0)


def test_a_service_index_leads_to_its_catalog(client: Client, server: HostileServer) -> None:
    catalog = server.url("/c/index.json")
    server.put("/v3/index.json", service_index(("https://search.example/q", "Search"), (catalog, "Catalog/3.0.0")))
    found = discover(client, server.url("/v3/index.json"))
    assert found == CatalogAddress(catalog, frozenset({server.origin, "https://search.example"}), public=False)
    server.put("/v3/index.json", service_index(("/c/index.json", ["Other", "Catalog/3.0.0"])))
    assert discover(client, server.url("/v3/index.json")).index_url == catalog


def test_a_catalog_index_leads_to_itself(client: Client, server: HostileServer) -> None:
    server.put("/c/index.json", {"commitTimeStamp": STAMP, "items": []})
    url = server.url("/c/index.json")
    assert discover(client, url) == CatalogAddress(url, frozenset({server.origin}), public=False)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"[]", "neither"),
        (b'{"hello": "world"}', "neither"),
        (b'{"resources": [{"@id": 7, "@type": "Catalog/3.0.0"}, 8]}', "names no Catalog/3.0.0"),
        (b'{"resources": [{"@id": "https://a.example/x", "@type": "Catalog/2.0.0"}]}', "names no Catalog/3.0.0"),
        (b'{"resources": [{"@id": "file:///etc/passwd", "@type": "Catalog/3.0.0"}]}', "not asked"),
        (b"<html>", "not JSON"),
    ],
)
def test_what_leads_to_no_catalog(client: Client, server: HostileServer, document: bytes, says: str) -> None:
    server.put("/v3/index.json", document)
    with pytest.raises(UpstreamChanged, match=says):
        discover(client, server.url("/v3/index.json"))


def test_nothing_there(client: Client, server: HostileServer) -> None:
    with pytest.raises(UpstreamChanged, match=r"no catalog can be found: .* answered 404"):
        discover(client, server.url("/nothing"))


def test_a_public_source_and_the_hosts_it_names() -> None:
    catalog = "https://b.invalid/c/index.json"
    resources = [(catalog, "Catalog/3.0.0"), ("http://plain.invalid/", "x"), ("https://10.0.0.1/", "x")]
    client = mocked({"https://a.invalid/v3/index.json": service_index(*resources)})
    found = discover(client, "https://a.invalid/v3/index.json")
    assert found == CatalogAddress(catalog, frozenset({"https://a.invalid", "https://b.invalid"}), public=True)
    client.close()


@pytest.mark.parametrize(
    "catalog", ["https://127.0.0.1/index.json", "http://b.invalid/index.json", "https://localhost/"]
)
def test_a_public_source_cannot_lead_into_the_private_network(catalog: str) -> None:
    client = mocked({"https://a.invalid/v3/index.json": service_index((catalog, "Catalog/3.0.0"))})
    with pytest.raises(UpstreamChanged, match="not asked"):
        discover(client, "https://a.invalid/v3/index.json")
    client.close()


def test_the_step_to_https_is_followed() -> None:
    step = httpx.Response(301, headers={"location": "https://a.invalid/v3/index.json"})
    index = service_index(("https://a.invalid/c/index.json", "Catalog/3.0.0"))
    client = mocked({"http://a.invalid/v3/index.json": step, "https://a.invalid/v3/index.json": index})
    found = discover(client, "http://a.invalid/v3/index.json")
    assert found.origins == {"http://a.invalid", "https://a.invalid"}
    client.close()


def test_index_and_page(client: Client, server: HostileServer, catalog: CatalogAddress) -> None:
    pages = [{"@id": "page0.json", "commitTimeStamp": STAMP}, {"@id": server.url("/p1"), "commitTimeStamp": STAMP}]
    server.put("/c/index.json", {"commitTimeStamp": STAMP, "items": pages}, gzip=True)
    index = fetch_index(client, catalog)
    assert [page.url for page in index.pages] == [server.url("/c/page0.json"), server.url("/p1")]
    lines = [line(server, 1, "../data/1.json"), line(server, 2)]
    server.put("/c/page0.json", {"@id": "page0.json", "commitTimeStamp": STAMP, "items": lines})
    page = fetch_page(client, catalog, server.url("/c/page0.json"), LocalLimit(1))
    assert [item.url for item in page.items] == [server.url("/data/1.json"), server.url("/2")]


def test_a_page_that_is_cut_short_is_asked_for_again(
    client: Client, server: HostileServer, catalog: CatalogAddress
) -> None:
    good = json.dumps({"@id": "p", "commitTimeStamp": STAMP, "items": []})
    server.script("/p", [Answer(good[:-5]), Answer("<html>busy</html>", content_type="text/html"), good])
    assert fetch_page(client, catalog, server.url("/p")).items == []
    server.put("/p", good[:-5])
    with pytest.raises(UpstreamChanged, match="not JSON"):
        fetch_page(client, catalog, server.url("/p"))


def test_a_page_of_another_shape_is_told_at_once(
    client: Client, server: HostileServer, catalog: CatalogAddress
) -> None:
    server.put("/p", {"@id": "p", "commitTimeStamp": "yesterday", "items": []})
    with pytest.raises(UpstreamChanged, match="commitTimeStamp"):
        fetch_page(client, catalog, server.url("/p"))
    assert server.count("/p") == 1


def test_a_page_elsewhere_too_large_or_missing(client: Client, server: HostileServer, catalog: CatalogAddress) -> None:
    with pytest.raises(UpstreamChanged, match="not one of this catalog's hosts"):
        fetch_page(client, catalog, "http://127.0.0.1:1/p")
    server.put("/p", redirect="https://evil.example/p")
    with pytest.raises(UpstreamChanged, match=r"redirects to https://evil\.example"):
        fetch_page(client, catalog, server.url("/p"))
    server.put("/p", b" " * 1_000_001, gzip=True)
    with pytest.raises(UpstreamChanged, match="larger than 1,000,000 bytes"):
        fetch_page(client, catalog, server.url("/p"))
    with pytest.raises(UpstreamUnavailable, match="answered 404"):
        fetch_page(client, catalog, server.url("/not-yet"))


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
    wanted[12] = Item.model_validate(line(server, 12, "file:///etc/passwd"))
    wanted[13] = Item.model_validate(line(server, 13, "http://127.0.0.1:1/13"))
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


def test_a_file_an_operator_chose(client: Client, server: HostileServer) -> None:
    server.put("/licenses.json", redirect="/moved")
    server.put("/moved", b"any bytes", gzip=True)
    assert fetch_bytes(client, server.url("/licenses.json")) == b"any bytes"
    server.put("/licenses.json", redirect="http://127.0.0.1:1/x")
    with pytest.raises(UpstreamChanged, match="neither https nor the same host"):
        fetch_bytes(client, server.url("/licenses.json"))
    with pytest.raises(UpstreamUnavailable, match="404"):
        fetch_bytes(client, server.url("/nothing"))
    with pytest.raises(UpstreamChanged, match="not an address"):
        fetch_bytes(client, "file:///etc/passwd")


def test_a_public_file_may_move_to_https_but_not_into_the_private_network() -> None:
    def to(url: str) -> httpx.Response:
        return httpx.Response(302, headers={"location": url})

    client = mocked(
        {
            "https://a.invalid/1": to("https://b.invalid/1"),
            "https://b.invalid/1": httpx.Response(200, content=b"here"),
            "https://a.invalid/2": to("https://10.0.0.1/"),
            "https://a.invalid/3": to("http://b.invalid/1"),
        }
    )
    assert fetch_bytes(client, "https://a.invalid/1") == b"here"
    for number, says in ((2, "private"), (3, "neither https")):
        with pytest.raises(UpstreamChanged, match=says):
            fetch_bytes(client, f"https://a.invalid/{number}")
    client.close()
