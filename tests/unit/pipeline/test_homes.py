"""What belongs to a run has one home: its statements are called there, and nowhere else."""

import re
from pathlib import Path

import pytest

from tests.support.checkout import CHECKOUT as ROOT

NOUNS = ("runs", "pages", "heartbeats", "sequels")
HOMES = {noun: f"pipeline/{noun}.py" for noun in NOUNS}


def callers(folder: str) -> dict[str, set[str]]:
    """The statements of a folder that are called by name, each with the modules that call it."""
    found: dict[str, set[str]] = {}
    package = ROOT / "pkgintel"
    for path in package.rglob("*.py"):
        for name in re.findall(rf"""["']{folder}/([a-z_]+)["']""", path.read_text()):
            found.setdefault(name, set()).add(path.relative_to(package).as_posix())
    return found


@pytest.mark.parametrize("folder", HOMES)
def test_the_statements_of_a_folder_are_called_in_one_module(folder: str) -> None:
    there = {path.stem for path in Path(ROOT / "sql" / folder).glob("*.sql")}
    assert callers(folder) == {name: {HOMES[folder]} for name in there}


def test_no_statement_opens_or_ends_a_run_elsewhere() -> None:
    sign_of_life = r" SET heartbeat_at = now\(\)\s+WHERE"
    writers = {
        path.parent.name
        for path in (ROOT / "sql").rglob("*.sql")
        if re.search(rf"(INSERT INTO|DELETE FROM) ops\.runs\b|UPDATE ops\.runs\b(?!{sign_of_life})", path.read_text())
    }
    assert writers == {"runs", "heartbeats", "migrations"}
