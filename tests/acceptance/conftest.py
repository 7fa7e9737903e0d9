"""One crew for the tests of a module, and a story of its own for each."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pkgintel.local.services import Services
from tests.support.databases import redis_of
from tests.support.stories import Story


@pytest.fixture(scope="module")
def crew(services: Services, shared_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """One worker of two processes for all tests here."""
    with ExitStack() as stack:
        redis_url = stack.enter_context(redis_of(services))
        yield Story(stack, shared_database, redis_url, tmp_path_factory.mktemp("gates"))


@pytest.fixture
def story(crew: Story) -> Iterator[Story]:
    crew.begin()
    yield crew
    for held in crew.site.holding.values():
        held.set()
    crew.quiet()
    crew.server.forget()
