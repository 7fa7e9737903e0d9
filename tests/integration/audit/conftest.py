"""Where an audit of these tests stands."""

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str) -> Path:
    """A directory of its own; the database is the test's, and there is no Redis."""
    monkeypatch.setenv("PKGINTEL_DATABASE_URL", database)
    monkeypatch.chdir(tmp_path)
    return tmp_path
