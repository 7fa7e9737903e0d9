"""A home of its own for each test of the embedded servers."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.homes import Home, home_at


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """In memory where there is room: a new data directory is a thousand files that reach the disk before it is used."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**30
    place = Path(tempfile.mkdtemp(prefix="pkgintel-test-", dir=memory)) if roomy else tmp_path
    try:
        with home_at(place / "my höme") as home:
            yield home
    finally:
        shutil.rmtree(place, ignore_errors=True)
