"""`pkgintel changes`: what was relicensed, newest first for a person, as it was recorded for a program."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pkgintel import database
from pkgintel.cli import pkgintel
from pkgintel.errors import SettingsError
from pkgintel.pipeline import classify
from pkgintel.reports import why
from pkgintel.settings import Deployment
from tests.support.classified import bring, keep, leaf, small_list

LIST = small_list("1", open_ids=("MIT", "Apache-2.0", "RPL-1.5"), other=("BUSL-1.1",))


def tell(*words: str) -> Result:
    return CliRunner().invoke(pkgintel, ["changes", *words], catch_exceptions=False, standalone_mode=False)


def told(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tell(*words, "--json").stdout)
    return found


@pytest.fixture
def filled(conn: database.Connection, settings: Deployment) -> database.Connection:
    keep(conn, LIST)
    bring(
        conn,
        leaf("Mapper", "14.0.0", 1, licenseExpression="Apache-2.0", created="2025-01-01T00:00:00Z"),
        leaf("Mapper", "15.0.0", 2, licenseExpression="RPL-1.5", created="2025-07-02T00:00:00Z"),
        leaf("Fluent", "7.0.0", 3, licenseExpression="Apache-2.0", created="2024-11-01T00:00:00Z"),
        leaf("Fluent", "8.0.0", 4, licenseFile="LICENSE.md", created="2025-01-14T00:00:00Z"),
        leaf("Gone", "1.0.0", 5, licenseExpression="MIT"),
    )
    classify.classify(conn, settings)
    bring(conn, leaf("Gone", "1.0.0", 6, deleted=True, published="2024-05-01T00:00:00Z"))
    classify.classify(conn, settings)
    return conn


def test_relicensings_are_told_newest_first_by_their_ids(filled: database.Connection) -> None:
    changes = told()["changes"]
    assert [(one["package_id"], one["kind"]) for one in changes] == [
        ("Gone", "verdict"),
        ("Mapper", "license"),
        ("Fluent", "license"),
    ]
    assert (changes[1]["from_ids"], changes[1]["to_ids"]) == (["Apache-2.0"], ["RPL-1.5"])
    assert (changes[1]["from_verdict"], changes[1]["to_verdict"]) == ("open_source", "open_source")
    assert (changes[2]["from_version"], changes[2]["to_version"], changes[2]["to_ids"]) == ("7.0.0", "8.0.0", [])
    screen = " ".join(tell().stdout.split())
    assert screen.index("Gone") < screen.index("Mapper") < screen.index("Fluent")
    assert "RPL-1.5" in screen


def test_since_and_package_narrow_the_list(filled: database.Connection) -> None:
    assert [one["package_id"] for one in told("--since", "2025-02-01")["changes"]] == ["Gone", "Mapper"]
    assert [one["package_id"] for one in told("--package", "FLUENT")["changes"]] == ["Fluent"]
    assert [one["package_id"] for one in told("--limit", "1")["changes"]] == ["Gone"]


def test_a_program_goes_on_where_it_stopped(filled: database.Connection, settings: Deployment) -> None:
    seen, after = [], "0-0"
    while (found := told("--after", after, "--limit", "1"))["changes"]:
        seen += [(one["kind"], one["package_id"]) for one in found["changes"]]
        after = found["after"]
    assert seen == [("license", "Fluent"), ("license", "Mapper"), ("verdict", "Gone")]
    assert told("--after", after) == {"changes": [], "after": after}
    assert told()["after"] == after
    bring(filled, leaf("Mapper", "16.0.0", 9, licenseExpression="BUSL-1.1"))
    classify.classify(filled, settings)
    found = told("--after", after)
    assert sorted((one["kind"], one["to_verdict"]) for one in found["changes"]) == [
        ("license", "proprietary"),
        ("verdict", "proprietary"),
    ]


@pytest.mark.parametrize("words", [("--after", "7"), ("--since", "yesterday"), ("--after", "x-y")])
def test_nonsense_is_one_sentence(filled: database.Connection, words: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError):
        tell(*words, "--json")
    with pytest.raises(SettingsError, match="--json"):
        tell("--after", "0-0")


def test_why_says_the_last_open_version_and_what_is_different_since(
    filled: database.Connection, settings: Deployment
) -> None:
    found = why.explain(filled, settings, "fluent").as_json()
    assert found["last_open"] == {
        "version": "7.0.0",
        "ids": ["Apache-2.0"],
        "different_since": "8.0.0",
        "to_verdict": "unknown",
        "to_ids": [],
        "released_at": "2025-01-14T00:00:00Z",
    }
    assert why.explain(filled, settings, "mapper").last_open is None
    (change,) = why.explain(filled, settings, "mapper").license_id_changes
    assert (change.from_ids, change.to_ids) == (("Apache-2.0",), ("RPL-1.5",))
    shown = " ".join(CliRunner().invoke(pkgintel, ["why", "Fluent"]).stdout.split())
    assert "last open 7.0.0, Apache-2.0 different since 8.0.0 (2025-01-14)" in shown
    assert "no change since it was first judged, and its versions differ" in shown
