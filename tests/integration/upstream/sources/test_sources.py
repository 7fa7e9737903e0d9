"""What is fetched, from a hostile server: discovery, index, pages, leaves and what is rejected of them."""

import json
from typing import Any

import httpx
import pytest

from pkgintel.errors import UpstreamChanged, UpstreamUnavailable
from pkgintel.settings import Settings
from pkgintel.upstream.client import Client
from pkgintel.upstream.origins import CatalogAddress
from pkgintel.upstream.slots import LocalLimit
from pkgintel.upstream.sources import discover, fetch_bytes, fetch_index, fetch_page
from tests.support.answers import Answer
from tests.support.hostile import HostileServer
from tests.support.leaves import STAMP, line


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
