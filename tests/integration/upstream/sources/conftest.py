"""A client with small caps for the tests of a module, and for each a hostile server and its catalog."""

from collections.abc import Iterator

import pytest

from pkgintel.settings import Settings
from pkgintel.upstream.client import Client
from pkgintel.upstream.origins import CatalogAddress
from tests.support.hostile import HostileServer


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
