"""The decision tree, rule by rule, and that it has an answer for everything."""

import json
import time
from datetime import UTC, datetime
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkgintel.licenses import facts, pages, verdict
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.verdict import RULES, Declaration, Judge, Verdict
from tests.support.checkout import SHARED

SPDX = SHARED / "spdx"


@pytest.fixture(scope="module")
def judge() -> Judge:
    """Over the SPDX list that the `reuse` package carries."""
    return Judge(official())


def official() -> LicenseList:
    pytest.importorskip("reuse", reason="the official SPDX list is inside the reuse package")
    folder = resources.files("reuse") / "resources"
    return LicenseList.parse((folder / "licenses.json").read_bytes(), (folder / "exceptions.json").read_bytes())


PLACEHOLDER = "https://aka.ms/deprecateLicenseUrl"
EULA = "http://www.microsoft.com/web/webpi/eula/net_library_eula_enu.htm"


@pytest.mark.parametrize(
    ("expression", "file", "url", "means", "rule"),
    [
        ("MIT", None, "https://licenses.nuget.org/MIT", "open_source", "expression-open"),
        ("mit or (sspl-1.0 and Apache-2.0)", "", "", "open_source", "expression-open"),
        ("CC0-1.0", None, None, "open_source", "expression-open"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", None, None, "open_source", "expression-open"),
        ("BUSL-1.1", None, None, "proprietary", "expression-closed"),
        ("MIT AND CC-BY-NC-4.0", None, None, "proprietary", "expression-closed"),
        ("JSON", None, None, "proprietary", "expression-closed"),
        ("blessing", None, None, "unknown", "expression-undecided"),
        ("NONE", None, None, "unknown", "expression-undecided"),
        ("noassertion", None, None, "unknown", "expression-undecided"),
        ("NONE OR MIT", None, None, "unknown", "expression-malformed"),
        ("MIT AND NOASSERTION", None, None, "unknown", "expression-malformed"),
        ("LicenseRef-Mine", None, None, "unknown", "expression-undecided"),
        ("MIT AND Invented-1.0", None, None, "unknown", "expression-undecided"),
        ("MIT AND", None, None, "unknown", "expression-malformed"),
        # The first match wins, even when it cannot decide.
        ("MIT AND", None, "http://opensource.org/licenses/MIT", "unknown", "expression-malformed"),
        ("MIT", "LICENSE", EULA, "open_source", "expression-open"),
        (None, None, "https://licenses.nuget.org/MIT", "open_source", "expression-open"),
        (None, "LICENSE", "HTTP://Licenses.NuGet.org/MS-PL%20OR%20Apache-2.0", "open_source", "expression-open"),
        (None, None, "https://licenses.nuget.org/(MIT", "unknown", "expression-malformed"),
        (None, None, "https://licenses.nuget.org/", "unknown", "url-not-recognised"),
        (None, "LICENSE.txt", PLACEHOLDER, "unknown", "text-not-read-yet"),
        (None, None, PLACEHOLDER, "unknown", "text-not-read-yet"),
        (None, r"licenses\MIT.txt", None, "unknown", "text-not-read-yet"),
        (None, "LICENSE.txt", EULA, "unknown", "text-not-read-yet"),
        (None, "LICENSE.txt", "http://opensource.org/licenses/MIT", "unknown", "text-not-read-yet"),
        (None, None, "http://www.opensource.org/licenses/mit-license.php", "open_source", "url-open"),
        ("", "", "https://www.apache.org/licenses/LICENSE-2.0.txt", "open_source", "url-open"),
        (None, None, "http://www.opensource.org/licenses/bsd-license.php", "open_source", "url-open"),
        (None, None, "https://aka.ms/windowsazureapache2", "unknown", "url-undecided"),
        (None, None, "https://microsoft.mit-license.org/", "open_source", "url-open"),
        (None, None, "https://creativecommons.org/licenses/by-nc/4.0/legalcode", "proprietary", "url-closed"),
        (None, None, EULA, "proprietary", "url-closed"),
        (None, None, "http://go.microsoft.com/fwlink/?clcid=0x409&linkid=329770", "unknown", "url-undecided"),
        (None, None, "https://www.sqlite.org/copyright.html", "unknown", "url-undecided"),
        (None, None, "http://go.microsoft.com/?linkid=9809688", "unknown", "url-undecided"),
        (None, None, "http://go.microsoft.com/fwlink/?LinkID=261272", "unknown", "url-undecided"),
        (None, None, "http://www.json.org/license.html", "proprietary", "url-closed"),
        (None, None, "https://www.microsoft.com/web/webpi/eula/another_eula.htm", "unknown", "url-not-recognised"),
        (None, None, "https://github.com/dotnet/corefx/blob/master/LICENSE.TXT", "unknown", "url-not-recognised"),
        (None, None, "https://www.nuget.org/packages/NUnit/3.12.0/license", "unknown", "url-not-recognised"),
        (None, None, "$licenseUrl$", "unknown", "url-not-recognised"),
        (None, None, None, "unknown", "nothing-declared"),
        ("", " ", "\t", "unknown", "nothing-declared"),
    ],
)
def test_the_tree(
    judge: Judge, expression: str | None, file: str | None, url: str | None, means: str, rule: str
) -> None:
    found = judge.judge(Declaration(expression, file, url))
    assert (found.verdict, found.rule) == (means, rule)
    assert_whole(found)


def assert_whole(found: Verdict) -> None:
    """What holds for every verdict: it can be stored, says why, and has a bound."""
    text = json.dumps(found.evidence.as_json(), ensure_ascii=False) + found.reason + "".join(found.spdx_ids)
    text.encode("utf-8")  # No lone surrogate.
    assert "\\u0000" not in text
    assert "\x00" not in text
    assert len(text) < 20_000
    assert json.loads(json.dumps(found.evidence.as_json())) == found.evidence.as_json()
    assert found.rule in RULES
    assert found.reason.endswith(".")
    assert "\n" not in found.reason
    assert found.evidence.as_json()["signal"] in {"expression", "url", "file", "none"}
    if found.verdict == "unknown":
        assert "would decide" in found.reason or "only the package's author can say" in found.reason
    else:
        assert found.rule.endswith({"open_source": "-open", "proprietary": "-closed"}[found.verdict])


def test_every_rule_is_kebab_case_and_explained() -> None:
    for code, meaning in RULES.items():
        assert code == code.lower().replace("_", "-").strip("-")
        assert meaning
        assert not meaning.endswith(".")


def test_the_evidence_of_an_expression(judge: Judge) -> None:
    found = judge.judge(Declaration("mit OR sspl-1.0"))
    closing = facts.closings()["sspl-1.0"]
    sspl = {"witnesses": list(closing.witnesses), "clause": closing.quote}
    assert found.evidence.as_json() == {
        "signal": "expression",
        "expression": "mit OR sspl-1.0",
        "tree": "mit OR sspl-1.0",
        "ids": [
            {"id": "MIT", "means": "open", "matched": ["osi", "fsf"]},
            {"id": "SSPL-1.0", "means": "closed", "matched": ["restrictive"], "category": "Source-available", **sspl},
        ],
    }
    assert found.spdx_ids == ["MIT", "SSPL-1.0"]
    assert found.reason == "mit OR sspl-1.0: MIT is approved by the OSI and FSF."


def test_the_evidence_of_a_url(judge: Judge) -> None:
    through = judge.judge(Declaration(url="https://licenses.nuget.org/MIT"))
    assert through.evidence.as_json()["expression_from"] == "the path of licenses.nuget.org"
    listed = judge.judge(Declaration(url="http://www.apache.org/licenses/LICENSE-2.0"))
    assert listed.evidence.as_json()["entry"]["source"]
    assert listed.spdx_ids == ["Apache-2.0"]
    assert judge.judge(Declaration(url=EULA)).evidence.as_json()["entry"]["means"] == "closed"


def test_each_unknown_url_says_what_would_decide_it(judge: Judge) -> None:
    urls = {
        "branch": "https://github.com/o/r/blob/master/LICENSE",
        "released commit": "https://github.com/o/r",
        "nuget.org": "https://www.nuget.org/packages/x/1.0.0/license",
        "template": "http://LICENSE_URL_HERE_OR_DELETE_THIS_LINE",
        "not a web address": "$licenseUrl$",
        "fixed at a commit": "https://raw.githubusercontent.com/o/r/" + "a" * 40 + "/LICENSE",
        "URL table": "https://acme.net/eula.html",
    }
    reasons = {part: judge.judge(Declaration(url=url)).reason for part, url in urls.items()}
    assert len(set(reasons.values())) == len(urls)
    for part, reason in reasons.items():
        assert part in reason


def test_the_policy_osi_only() -> None:
    strict = Judge(official(), "osi")
    assert strict.judge(Declaration("MIT")).verdict == "open_source"
    found = strict.judge(Declaration("CC0-1.0"))
    assert (found.verdict, found.rule) == ("unknown", "expression-undecided")
    assert "policy" in found.reason
    assert strict.judge(Declaration(url="https://creativecommons.org/publicdomain/zero/1.0/")).verdict == "unknown"


def test_long_declarations_have_short_evidence(judge: Judge) -> None:
    for text in ("MIT OR " * 200_000 + "MIT", "(" * 10_000 + "MIT" + ")" * 10_000, "\x00" * 1_000_000, "é" * 1_000_000):
        for declaration in (Declaration(text), Declaration(file=text), Declaration(url=text)):
            before = time.monotonic()
            assert_whole(judge.judge(declaration))
            assert time.monotonic() - before < 1
    assert_whole(judge.judge(Declaration(" OR ".join(f"Invented-{n}" for n in range(500)))))


TEXTS = st.one_of(
    st.none(),
    st.text(),
    st.text(st.characters(categories=["Cs", "Cc", "Lu"])),
    st.sampled_from(
        ["MIT", "MIT AND", "SSPL-1.0", PLACEHOLDER, EULA, "http://[", "https://licenses.nuget.org/%00%ud800"]
    ),
    st.text().map("https://licenses.nuget.org/".__add__),
    st.text().map("MIT OR LicenseRef-".__add__),
)


@settings(max_examples=300)
@given(expression=TEXTS, file=TEXTS, url=TEXTS)
def test_any_three_texts_get_the_same_verdict_twice(expression: str | None, file: str | None, url: str | None) -> None:
    declaration = Declaration(expression, file, url)
    found = SHARED_JUDGE.judge(declaration)
    assert_whole(found)
    assert found == SECOND_JUDGE.judge(declaration)
    if file and file.strip() and not (expression and expression.strip()):
        assert found.rule == "text-not-read-yet" or "expression_from" in found.evidence.as_json()


SHARED_JUDGE, SECOND_JUDGE = Judge(official()), Judge(official())


@pytest.mark.skipif(not SPDX.is_dir(), reason="../shared/data/spdx is not beside the checkout")
def test_a_new_list_changes_only_what_it_says() -> None:
    before, after = (
        Judge(LicenseList.parse((SPDX / f"licenses-{version}.json").read_bytes())) for version in ("3.26.0", "3.28.0")
    )
    changed = {
        license_id
        for license_id in after.license_list.licenses
        if before.judge(Declaration(license_id)).verdict != after.judge(Declaration(license_id)).verdict
    }
    known = set(before.license_list.licenses)
    assert changed & known == {"bsd-3-clause-open-mpi"}
    assert {"fsl-1.1-mit", "sul-1.0"} <= changed - known


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
            others.add(verdict.basis("osi-or-fsf", "3.28.0", "abc"))
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
