"""Flowers for the tests of the page and of its guards."""

from collections.abc import Iterator

import pytest

from tests.support.flowers import Start, flowers


@pytest.fixture
def flower() -> Iterator[Start]:
    """Starts Flowers, and ends them."""
    with flowers() as start:
        yield start
