"""A Redis for the tests of a module, and for each a client, a hostile server and names of its own."""

from collections.abc import Iterator

import pytest

from pkgintel.settings import Settings
from pkgintel.upstream.client import Client
from tests.support.hostile import HostileServer
from tests.support.limits import Redis


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    running = Redis(tmp_path_factory.mktemp("valkey"))
    yield running
    running.kill()


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client(Settings(request_timeout=2, request_attempts=3), backoff=0.01)
    yield made
    made.close()


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        yield running


@pytest.fixture
def prefix(request: pytest.FixtureRequest, valkey: Redis) -> str:
    name = f"{request.node.name}:"
    valkey.client.hset(f"{name}leases", "@since", 1)  # As in a fleet that has been at work for long.
    return name
