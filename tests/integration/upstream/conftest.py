"""A hostile server and a client with little patience, for all tests of a module."""

import re
from collections.abc import Iterator

import pytest

from pkgintel.settings import Settings
from pkgintel.upstream.client import Client
from tests.support.hostile import HostileServer


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        yield running


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    made = Client(Settings(request_timeout=0.4, request_attempts=4, user_agent="tester/1 (+mail)"), backoff=0.0)
    yield made
    made.close()


@pytest.fixture
def path(request: pytest.FixtureRequest, server: HostileServer) -> str:
    return "/" + re.sub(r"\W+", "-", request.node.name)
