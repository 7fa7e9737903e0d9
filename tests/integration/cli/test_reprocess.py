"""What `reprocess --json` prints is a promise: these names, in this order."""

import json

import pytest
from click.testing import CliRunner

from pkgintel import database
from pkgintel.cli import pkgintel
from pkgintel.settings import Settings
from tests.integration.reports.test_json import fill
from tests.support.reports import healthy

__all__ = ["healthy"]  # A fixture.


def reprocess(*words: str) -> str:
    return CliRunner().invoke(pkgintel, ["reprocess", *words], catch_exceptions=False).stdout


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (
            ["--all", "--from-raw", "--dry-run"],
            ["would_change", "versions_with_another_declaration", "packages_to_restore"],
        ),
        (["--all", "--from-raw"], ["versions_changed", "not_readable", "decided", "verdicts_changed"]),
        (["--rejected", "--accept", "--dry-run"], ["would_accept"]),
        (
            ["--rejected", "--accept", "--why", "they are gone"],
            ["accepted", "why", "unblocked", "decided", "verdicts_changed"],
        ),
    ],
)
def test_json_names(healthy: database.Connection, settings: Settings, words: list[str], names: list[str]) -> None:
    fill(healthy, settings)
    healthy.execute("DELETE FROM ops.check_results")  # No gate is closed.
    assert list(json.loads(reprocess(*words, "--json"))) == names


def test_a_change_of_rules_is_shown_before_it_is_made(healthy: database.Connection, settings: Settings) -> None:
    fill(healthy, settings)
    healthy.execute("UPDATE enriched.nuget_package_oss_status SET verdict = 'unknown', rule = 'nothing-declared'")
    change = {
        "from_verdict": "unknown",
        "to_verdict": "proprietary",
        "from_rule": "nothing-declared",
        "to_rule": "url-closed",
        "packages": 1,
        "examples": ["Closed"],
    }
    found = json.loads(reprocess("--package", "closed", "--from-raw", "--dry-run", "--json"))
    assert list(found["would_change"][0].items()) == list(change.items())
    assert reprocess("--package", "closed", "--from-raw", "--dry-run").splitlines() == [
        "versions with another declaration: 0",
        "packages to restore: 0",
        "verdicts that would change: 1",
        "         1  unknown (nothing-declared) → proprietary (url-closed)  Closed",
    ]
