"""Leaves on a hostile server, and the items of a page that point at them."""

from typing import Any

from pkgintel.nuget.documents import Item
from pkgintel.upstream.origins import CatalogAddress
from tests.support.hostile import HostileServer

STAMP = "2026-10-01T12:28:29.9400959Z"


def leaf_of(number: int, **more: Any) -> dict[str, Any]:
    return {"@type": ["PackageDetails"], "id": f"P{number}", "version": "1.0.0", "listed": True} | more


def line(server: HostileServer, number: int, url: str | None = None) -> dict[str, Any]:
    kinds = {"@id": url or server.url(f"/{number}"), "@type": "nuget:PackageDetails", "commitTimeStamp": STAMP}
    return kinds | {"nuget:id": f"P{number}", "nuget:version": "1.0.0"}


def items(server: HostileServer, count: int) -> list[Item]:
    return [Item.read(line(server, number)) for number in range(count)]


def served(server: HostileServer, numbers: range) -> list[Item]:
    """The items of leaves that the server has."""
    for number in numbers:
        server.put(f"/{number}", leaf_of(number))
    return [Item.read(line(server, number)) for number in numbers]


def catalog_of(server: HostileServer) -> CatalogAddress:
    return CatalogAddress(server.url("/index.json"), frozenset({server.origin}), public=False)
