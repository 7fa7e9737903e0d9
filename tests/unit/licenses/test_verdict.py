"""The decision tree, rule by rule, and that it has an answer for everything."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkgintel.licenses import facts
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.verdict import RULES, Declaration, Judge
from tests.support.checkout import SHARED
from tests.support.verdicts import EULA, PLACEHOLDER, assert_whole, official

SPDX = SHARED / "spdx"


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
