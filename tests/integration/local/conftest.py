"""A home of its own for each test of the embedded servers."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.homes import Home, home_at
from tests.support.places import quick_place


@pytest.fixture
def new_home() -> Iterator[Home]:
    """A home of a test's own, which is not there yet."""
    place = Path(tempfile.mkdtemp(prefix="pkgintel-test-", dir=quick_place()))
    try:
        with home_at(place / "my höme") as home:
            yield home
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def home(new_home: Home) -> Home:
    """The home of a test; a module whose tests need no new one may give them another."""
    return new_home
