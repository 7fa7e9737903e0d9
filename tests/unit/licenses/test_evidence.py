"""What a verdict says beside itself: other signals, dates, the inputs that it rests on, and remarks."""

import json
from datetime import UTC, datetime

import pytest

from pkgintel.licenses import facts, pages, verdict
from pkgintel.licenses.verdict import Declaration, Judge
from tests.support.verdicts import EULA, PLACEHOLDER, assert_whole, official


def test_signals_that_contradict_each_other_are_noticed(judge: Judge) -> None:
    found = judge.judge(Declaration("MIT", "EULA.txt", EULA))
    assert found.verdict == "open_source"
    assert found.evidence.as_json()["other_signals"] == [
        {"signal": "file", "file": "EULA.txt"},
        {"signal": "url", "url": EULA, "says": "proprietary", "by": "url-closed", "contradicts": True},
    ]
    assert "'EULA.txt'" in found.reason
    assert "contradicts this (proprietary by url-closed)" in found.reason
    assert_whole(found)
    skipped = judge.judge(Declaration(None, "EULA.txt", "https://licenses.nuget.org/MIT"))
    assert skipped.evidence.as_json()["other_signals"] == [{"signal": "file", "file": "EULA.txt"}]
    assert "'EULA.txt'" in skipped.reason
    other = judge.judge(Declaration("MIT", None, "https://licenses.nuget.org/SSPL-1.0"))
    assert other.evidence.as_json()["other_signals"][0]["contradicts"] is True
    beside = judge.judge(Declaration(None, "LICENSE", EULA))
    assert beside.verdict == "unknown"
    assert beside.evidence.as_json()["other_signals"][0]["says"] == "proprietary"


@pytest.mark.parametrize(
    ("file", "url"),
    [
        (None, "https://licenses.nuget.org/MIT%20OR%20Apache-2.0"),
        (None, PLACEHOLDER),
        (None, "https://www.nuget.org/packages/x/1.0.0/license"),
        (None, None),
    ],
)
def test_the_url_that_nuget_makes_of_an_expression_is_no_other_signal(
    judge: Judge, file: str | None, url: str | None
) -> None:
    assert "other_signals" not in judge.judge(Declaration("MIT OR Apache-2.0", file, url)).evidence.as_json()


def test_a_link_that_changed_its_target_is_judged_by_the_date_of_the_version(judge: Judge) -> None:
    link = Declaration(url="http://go.microsoft.com/fwlink/?LinkId=329770")
    before, after = datetime(2024, 8, 31, 23, 59, tzinfo=UTC), datetime(2024, 9, 1, tzinfo=UTC)
    assert judge.judge(link, before).verdict == "proprietary"
    assert judge.judge(link, after).verdict == "unknown"
    assert judge.judge(link).verdict == "unknown"
    assert judge.eras(link) == (after,)
    assert judge.eras(Declaration(url="http://opensource.org/licenses/MIT")) == ()
    assert judge.judge(link, before).evidence.as_json()["entry"]["until"] == "2024-09-01"
    for found in (judge.judge(link, before), judge.judge(link, after), judge.judge(link)):
        assert_whole(found)


def test_a_page_known_for_some_time_only_says_nothing_about_another(judge: Judge) -> None:
    entry = pages.Entry(
        "x.org/l", "http://x.org/l", ("MIT",), "derive", "t", until=datetime(2020, 1, 1, tzinfo=UTC), nature="dated"
    )
    dated = Judge(official())
    dated._table = {entry.key: (entry,)}
    assert dated.judge(Declaration(url="http://x.org/l"), datetime(2019, 1, 1, tzinfo=UTC)).rule == "url-open"
    for created in (None, datetime(2021, 1, 1, tzinfo=UTC)):
        found = dated.judge(Declaration(url="http://x.org/l"), created)
        assert (found.verdict, found.rule) == ("unknown", "url-undecided")
        assert_whole(found)


def test_the_basis_names_every_input(monkeypatch: pytest.MonkeyPatch) -> None:
    before = verdict.basis("osi-or-fsf", "3.28.0", "abc")
    others = {
        verdict.basis("osi", "3.28.0", "abc"),
        verdict.basis("osi-or-fsf", "3.27.0", "abc"),
        verdict.basis("osi-or-fsf", "3.28.0", "abd"),
    }
    known = {table: facts.rows(table) for table in facts.TABLES}
    for table in facts.TABLES:
        changed = known | {table: known[table][1:]}
        with monkeypatch.context() as patch:
            patch.setattr(facts, "rows", changed.__getitem__)
            facts.fingerprint.cache_clear()
            others.add(verdict.basis("osi-or-fsf", "3.28.0", "abc"))
    facts.fingerprint.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(verdict, "RULESET", verdict.RULESET + 1)
        others.add(verdict.basis("osi-or-fsf", "3.28.0", "abc"))
    assert before not in others
    assert len(others) == 4 + len(facts.TABLES)
    assert verdict.basis("osi-or-fsf", "3.28.0", "abc") == before


@pytest.mark.parametrize(
    ("expression", "remark"),
    [
        ("RPL-1.5", "the FSF calls it nonfree and vendors offer it beside a commercial license"),
        ("Watcom-1.0", "the OSI approved it and the FSF calls it nonfree"),
        ("NASA-1.3", "the OSI approved it and the FSF calls it nonfree"),
        ("GPL-3.0-only OR LicenseRef-Acme-Commercial", "a commercial license is offered beside it"),
    ],
)
def test_an_open_verdict_says_what_a_user_should_mind(judge: Judge, expression: str, remark: str) -> None:
    found = judge.judge(Declaration(expression))
    assert found.verdict == "open_source"
    assert remark in found.reason
    assert remark in found.evidence.as_json()["remarks"][0]
    assert_whole(found)
    page = judge.judge(Declaration(url="https://opensource.org/licenses/RPL-1.5"))
    assert page.evidence.as_json()["remarks"]
    assert "remarks" not in judge.judge(Declaration("MIT OR Apache-2.0")).evidence.as_json()
    assert "remarks" not in judge.judge(Declaration("RPL-1.5 AND SSPL-1.0")).evidence.as_json()


def test_every_remark_has_its_source(judge: Judge) -> None:
    for row in facts.rows("remarks"):
        listed = judge.license_list.license(row["id"])
        assert listed is not None, row
        assert listed.is_osi_approved or listed.is_fsf_libre, row
        assert row["source"], row
        assert not row["remark"].endswith("."), row


def test_the_evidence_is_written_in_one_order(judge: Judge) -> None:
    found = judge.judge(Declaration("MIT OR Apache-2.0+", "EULA.txt", EULA))
    assert json.dumps(found.evidence.as_json()) == (
        '{"signal": "expression", "expression": "MIT OR Apache-2.0+", "tree": "MIT OR Apache-2.0+", "ids": ['
        '{"id": "MIT", "means": "open", "matched": ["osi", "fsf"]}, '
        '{"id": "Apache-2.0", "means": "open", "matched": ["osi", "fsf"], "or_later": true}], '
        '"other_signals": [{"signal": "file", "file": "EULA.txt"}, '
        f'{{"signal": "url", "url": "{EULA}", "says": "proprietary", "by": "url-closed", "contradicts": true}}]}}'
    )
