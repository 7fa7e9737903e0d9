"""The tables of facts and the date of a version: what they decide, and what a change of them decides again."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pkgintel import database
from pkgintel.licenses import dated, facts, pages, verdict
from pkgintel.pipeline import classify
from pkgintel.settings import Settings
from tests.support.classified import bring, decided, keep, leaf, small_list, verdicts

LINK = "http://go.microsoft.com/fwlink/?LinkId=329770"
FILE = "https://github.com/Microsoft/dotnet/blob/master/LICENSE"
Edit = Callable[[str, str, str], None]


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edit]:
    """Replaces a text in one of the tables, as a new release of them would."""

    def forget() -> None:
        for remembered in (
            facts.rows,
            facts.fingerprint,
            facts.closings,
            facts.successors,
            facts.later_versions,
            pages.curated,
            dated.table,
        ):
            remembered.cache_clear()

    def change(table: str, old: str, new: str) -> None:
        for name in facts.TABLES:
            if not (tmp_path / f"{name}.csv").exists():
                shutil.copy(facts.FOLDER / f"{name}.csv", tmp_path)
        file = tmp_path / f"{table}.csv"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
        monkeypatch.setattr(facts, "FOLDER", tmp_path)
        forget()

    yield change
    monkeypatch.undo()
    forget()


def test_the_date_of_the_version_says_which_answer_of_a_page_holds(
    conn: database.Connection, settings: Settings
) -> None:
    keep(conn, small_list("1"))
    bring(
        conn,
        leaf("Before", licenseUrl=LINK, created="2024-08-31T23:59:59.9Z"),
        leaf("After", licenseUrl=LINK, created="2024-09-01T00:00:00Z"),
        leaf("Undated", licenseUrl=LINK),
    )
    classify.classify(conn, settings)
    found = {key: (row["verdict"], row["rule"]) for key, row in verdicts(conn).items()}
    assert found["before"] == ("proprietary", "url-closed")
    assert found["after"] == ("unknown", "url-undecided")
    assert found["undated"] == ("unknown", "url-undecided")
    assert classify.classify(conn, settings).idle


def test_a_newer_version_with_the_same_declaration_may_belong_to_another_era(
    conn: database.Connection, settings: Settings
) -> None:
    keep(conn, small_list("1"))
    bring(conn, leaf("A", licenseUrl=LINK, created="2020-01-01T00:00:00Z"))
    classify.classify(conn, settings)
    bring(conn, leaf("A", "2.0.0", 2, licenseUrl=LINK, created="2025-01-01T00:00:00Z"))
    assert classify.classify(conn, settings).changed == 1
    assert verdicts(conn)["a"]["verdict"] == "unknown"
    change = conn.execute("SELECT from_verdict, to_verdict, cause FROM enriched.verdict_changes").fetchall()
    assert change == [{"from_verdict": "proprietary", "to_verdict": "unknown", "cause": "created"}]
    versions = conn.execute("SELECT version, verdict FROM enriched.version_verdicts ORDER BY version").fetchall()
    assert [row["verdict"] for row in versions] == ["proprietary", "unknown"]


@pytest.mark.parametrize(
    ("table", "old", "new", "package", "becomes"),
    [
        ("closed", "SSPL-1.0,", "Other-1.0,", "closed", "unknown"),
        ("successors", "Nunit,", "Other-1.0,", "renamed", "unknown"),
        ("later", "EUPL-1.0,", "Other-1.0,", "later", "unknown"),
        ("urls", "2024-09-01", "2019-01-01", "dated", "unknown"),
        ("dated", "2021-06-15,history", "2015-06-15,history", "file", "unknown"),
    ],
)
def test_a_changed_table_decides_again_what_rests_on_it_and_nothing_else(
    conn: database.Connection,
    settings: Settings,
    edit: Edit,
    table: str,
    old: str,
    new: str,
    package: str,
    becomes: str,
) -> None:
    keep(
        conn,
        small_list("1", open_ids=("MIT", "Nunit", "EUPL-1.1"), other=("SSPL-1.0", "zlib-acknowledgement", "EUPL-1.0")),
    )
    bring(
        conn,
        leaf("Open", licenseExpression="MIT"),
        leaf("Closed", licenseExpression="SSPL-1.0"),
        leaf("Renamed", licenseExpression="zlib-acknowledgement"),
        leaf("Later", licenseExpression="EUPL-1.0+"),
        leaf("Dated", licenseUrl=LINK, created="2020-01-01T00:00:00Z"),
        leaf("File", licenseUrl=FILE, created="2018-02-01T00:00:00Z"),
        leaf("Nothing"),
    )
    classify.classify(conn, settings)
    before = verdicts(conn)
    assert before[package]["verdict"] != "unknown"
    edit(table, old, new)
    classify.classify(conn, settings)
    after = verdicts(conn)
    assert decided(before, after) == {package}
    assert after[package]["verdict"] == becomes
    causes = conn.execute("SELECT package_key, cause FROM enriched.verdict_changes").fetchall()
    assert causes == [{"package_key": package, "cause": "facts"}]
    assert classify.classify(conn, settings).idle


def test_a_corrected_note_reaches_the_evidence(conn: database.Connection, settings: Settings, edit: Edit) -> None:
    keep(conn, small_list("1"))
    bring(conn, leaf("A", licenseUrl="https://unlicense.org/"), leaf("B", licenseExpression="MIT"))
    classify.classify(conn, settings)
    before = verdicts(conn)
    edit(
        "urls",
        "https://unlicense.org/,Unlicense,derive,steward,,,the steward of the license,2026-11-23",
        "https://unlicense.org/,Unlicense,derive,steward,,,the steward of the license,2026-12-24",
    )
    classify.classify(conn, settings)
    after = verdicts(conn)
    assert decided(before, after) == {"a"}
    assert after["a"]["evidence"]["entry"]["date"] == "2026-12-24"


def test_a_package_that_comes_back_has_its_row(conn: database.Connection, settings: Settings) -> None:
    keep(conn, small_list("1"))
    bring(conn, leaf("A", licenseExpression="MIT"))
    classify.classify(conn, settings)
    bring(conn, leaf("A", commit=2, deleted=True, published="2024-05-01T00:00:00Z"))
    classify.classify(conn, settings)
    bring(conn, leaf("A", commit=3, licenseExpression="MIT"))
    classify.classify(conn, settings)
    rows = conn.execute("SELECT from_verdict, to_verdict, cause FROM enriched.verdict_changes ORDER BY id").fetchall()
    assert [(row["from_verdict"], row["to_verdict"], row["cause"]) for row in rows] == [
        ("open_source", None, "deleted"),
        (None, "open_source", "restored"),
    ]
    assert classify.classify(conn, settings).idle


def test_the_basis_that_is_stored_names_every_input(conn: database.Connection, settings: Settings) -> None:
    keep(conn, small_list("7"))
    classify.classify(conn, settings)
    row = conn.execute("SELECT basis FROM enriched.classification").fetchone()
    assert row is not None
    for part in (f"ruleset {verdict.RULESET}", "osi-or-fsf", "SPDX 7 ", *(f"{table} " for table in facts.TABLES)):
        assert part in row["basis"]
