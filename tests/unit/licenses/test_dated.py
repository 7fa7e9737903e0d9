"""The table of license files with dates: its rows, how they decide, and what a verdict says of them."""

import re
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from pkgintel.licenses import dated, facts, pages, urls
from pkgintel.licenses.expression import parse
from pkgintel.licenses.meaning import Reader
from pkgintel.licenses.texts import library
from pkgintel.licenses.verdict import Declaration, Judge

FILE = "https://github.com/O/R/blob/master/LICENSE"
FIRST, SECOND, THIRD = "1" * 40, "2" * 40, "3" * 40
ROWS = [
    {
        "host": "github.com",
        "repository": "O/R",
        "file": "LICENSE",
        "branches": "main master",
        "licenses": licenses,
        "from": since,
        "until": until,
        "ended": ended,
        "commits": commits,
        "blobs": "89abcdef",
    }
    for licenses, since, until, ended, commits in (
        ("Apache-2.0", "2015-01-01", "2017-05-01", "changed", f"{FIRST} {SECOND}"),
        ("Apache-2.0|MIT", "2017-05-01", "2017-05-02", "changed", f"{SECOND} {THIRD}"),
        ("MIT", "2017-05-02", "2020-01-01", "changed", THIRD),
    )
]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(library.license_list())


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    known = dated.of(ROWS)
    monkeypatch.setattr(dated, "table", lambda: known)


def test_every_row_names_a_file_its_commits_and_whole_days() -> None:
    rows = facts.rows("dated")
    assert tuple(rows[0]) == dated.COLUMNS
    reader = Reader(library.license_list())
    for row in rows:
        assert row["host"] == "github.com", row
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", row["repository"]), row
        assert re.fullmatch(r"\S.*\S", row["file"]), row
        assert re.fullmatch(r"\S+( \S+)*", row["branches"]), row
        assert at(row["from"]) < at(row["until"]) <= datetime.now(UTC), row
        assert row["ended"] in {"history", "changed", "gone"}, row
        for ids in (row["commits"].split(), row["blobs"].split()):
            assert ids, row
            assert all(re.fullmatch(r"[0-9a-f]{40}", one) for one in ids), row
        assert {reader.meaning(parse(text)) for text in row["licenses"].split("|")} == {"open"}, row


def test_the_table_holds_the_license_files_of_sixty_repositories() -> None:
    assert len({row["repository"].lower() for row in facts.rows("dated")}) >= 60


def test_no_two_rows_are_about_one_file_at_one_time_and_none_contradicts_the_pages() -> None:
    known = pages.table(library.license_list())
    for key, entries in dated.table().items():
        for earlier, later in pairwise(entries):
            assert earlier.until, key
            assert later.since, key
            assert earlier.until <= later.since, key
        for entry in known.get(urls.read(entries[0].url).key, ()):
            assert entry.licenses == entries[0].licenses, key


def test_every_key_is_what_an_address_is_read_as() -> None:
    for key, entries in dated.table().items():
        assert urls.read(entries[0].url.replace(" ", "%20")).file == key


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize(
    ("created", "verdict", "ids"),
    [
        ("2014-12-31T23:59:59", "unknown", []),
        ("2015-01-01", "open_source", ["Apache-2.0"]),
        ("2017-04-30T23:59:59.9", "open_source", ["Apache-2.0"]),
        ("2017-05-01T12:00", "open_source", ["Apache-2.0", "MIT"]),
        ("2017-05-02", "open_source", ["MIT"]),
        ("2019-12-31T23:59", "open_source", ["MIT"]),
        ("2020-01-01", "unknown", []),
        ("2026-01-01", "unknown", []),
        (None, "unknown", []),
    ],
)
def test_the_date_of_a_version_says_which_revision_is_meant(
    judge: Judge, created: str | None, verdict: str, ids: list[str]
) -> None:
    found = judge.judge(Declaration(url=FILE), at(created) if created else None)
    assert (found.verdict, found.spdx_ids) == (verdict, ids)
    assert found.rule == ("url-open" if ids else "url-not-recognised")


@pytest.mark.usefixtures("made_up")
def test_a_verdict_says_what_was_read(judge: Judge) -> None:
    found = judge.judge(Declaration(url=FILE), at("2016-01-01"))
    assert found.reason.startswith(
        "The license URL is the file LICENSE of github.com/O/R on master, which held Apache-2.0 from 2015-01-01 until "
        "2017-05-01 (revisions read: 2, commits 1111111111 to 2222222222): "
    )
    entry = found.evidence.as_json()["entry"]
    assert isinstance(entry, dict)
    assert (entry["nature"], entry["from"], entry["until"]) == ("dated", "2015-01-01", "2017-05-01")
    assert entry["history"] == {
        "repository": "github.com/O/R",
        "file": "LICENSE",
        "ref": "master",
        "revisions": 2,
        "commits": [FIRST, SECOND],
        "ended": "changed",
    }


@pytest.mark.usefixtures("made_up")
def test_a_version_of_another_time_is_told_what_is_known(judge: Judge) -> None:
    after = judge.judge(Declaration(url=FILE), at("2021-02-03"))
    assert after.reason == (
        "The license URL is the file LICENSE of github.com/O/R on master, which granted open terms from 2015-01-01 "
        "until 2020-01-01, when its terms changed, and not for 2021-02-03, when the version was created; reading the "
        "file at the released commit would decide this."
    )
    assert len(after.evidence.entries or ()) == 3
    assert "says no date" in judge.judge(Declaration(url=FILE)).reason


@pytest.mark.usefixtures("made_up")
def test_a_commit_that_was_read_is_a_fact_without_an_end(judge: Judge) -> None:
    for created in (None, at("2001-01-01"), at("2026-01-01")):
        found = judge.judge(Declaration(url=f"https://raw.githubusercontent.com/o/r/{THIRD}/LICENSE"), created)
        assert (found.verdict, found.spdx_ids) == ("open_source", ["MIT"])
        assert found.reason.startswith("The license URL is the file LICENSE of github.com/O/R at commit 3333333333")
        assert found.evidence.entry is not None
        assert found.evidence.entry.nature == "pinned"


@pytest.mark.usefixtures("made_up")
def test_a_file_has_the_eras_of_its_rows(judge: Judge) -> None:
    days = tuple(at(day) for day in ("2015-01-01", "2017-05-01", "2017-05-02", "2020-01-01"))
    assert judge.eras(Declaration(url=FILE)) == days
    assert judge.eras(Declaration(url=f"https://github.com/o/r/blob/{FIRST}/LICENSE")) == ()
    for before, after in pairwise(days):
        moments = (before, after - timedelta(microseconds=1))
        assert len({judge.judge(Declaration(url=FILE), moment).reason for moment in moments}) == 1


@pytest.mark.usefixtures("made_up")
def test_a_closing_expression_beside_the_file_is_told_to_contradict_it(judge: Judge) -> None:
    found = judge.judge(Declaration(expression="SSPL-1.0", url=FILE), at("2016-01-01"))
    assert found.verdict == "proprietary"
    assert "contradicts" in found.reason


def test_looking_up_an_address_costs_next_to_nothing(judge: Judge) -> None:
    dated.table()
    begun = time.process_time()
    for number in range(5_000):
        judge.judge(Declaration(url=f"https://github.com/o{number}/r/blob/master/LICENSE"), at("2016-01-01"))
    assert time.process_time() - begun < 2
