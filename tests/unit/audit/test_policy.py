"""Policies: what passes, what is excepted until when, and what a relicensing voids."""

from dataclasses import replace
from datetime import date

import pytest

from pkgintel.audit import answer, policy
from pkgintel.audit.answer import Answer
from pkgintel.audit.baseline import Baseline
from pkgintel.audit.decision import Decider, remarks
from pkgintel.audit.manifests.requirement import Scope
from pkgintel.audit.package import Package
from pkgintel.audit.policy import Policy
from pkgintel.errors import SettingsError
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.texts.hand import TextAtHand
from pkgintel.licenses.verdict import Declaration, Judge
from pkgintel.sample.source import lists
from tests.unit.licenses.test_text_verdict import hand, span

TODAY = date(2026, 11, 27)
LIST = LicenseList.parse(*lists())
JUDGE = Judge(LIST)
CLOSED = Declaration(url="https://go.microsoft.com/fwlink/?LinkId=529443")


def package(package_id: str = "P", version: str = "1.0.0", scope: Scope = "runtime") -> Package:
    return Package(package_id.lower(), version, package_id, version, None, True, scope, ())


def judged(declaration: Declaration, read: TextAtHand | None = None) -> Answer:
    return answer.judged(JUDGE.judge(declaration, None, read), declaration, "database", "https://x.example/leaf.json")


def expression(text: str) -> Answer:
    return judged(Declaration(expression=text))


FILE = judged(Declaration(file="LICENSE.txt"))
READ = judged(Declaration(file="LICENSE.txt"), hand(span("MPL-2.0")))
PROPRIETARY = replace(FILE, verdict="proprietary", rule="url-closed", declaration=CLOSED)


def decided(text: str, found: Answer, one: Package | None = None, known: Baseline | None = None) -> tuple[str, str]:
    made = policy.parse(("version = 1\n" + text).encode(), "p.toml", TODAY)
    decision = Decider(made, known or Baseline(), TODAY).decide(one or package(), found)
    return decision.decision, decision.decided_by


@pytest.mark.parametrize(
    ("text", "found", "expected"),
    [
        ("", expression("MIT"), ("pass", "accept")),
        ("", FILE, ("warned", "unknown")),
        ('unknown = "fail"', FILE, ("breach", "unknown")),
        ('unknown = "pass"', FILE, ("pass", "unknown")),
        ("", PROPRIETARY, ("breach", "accept")),
        ('accept = ["open_source", "proprietary"]', PROPRIETARY, ("pass", "accept")),
        ("", answer.not_found("x"), ("warned", "unknown")),
        ('unknown = "fail"', answer.not_found("x"), ("breach", "unknown")),
        ('unknown = "fail"', answer.not_looked_up("x"), ("warned", "not-looked-up")),
        ("", answer.private("x"), ("pass", "private")),
        # A denied license: one side of an OR may be taken, no part of an AND may be denied.
        ('deny = ["AGPL-3.0-only"]', expression("AGPL-3.0-only"), ("breach", "denied")),
        ('deny = ["agpl-3.0-only"]', expression("AGPL-3.0"), ("breach", "denied")),
        ('deny = ["AGPL-3.0-only"]', expression("AGPL-3.0-only OR MIT"), ("pass", "accept")),
        ('deny = ["AGPL-3.0-only"]', expression("AGPL-3.0-only AND MIT"), ("breach", "denied")),
        ('deny = ["AGPL-3.0-only"]', expression("(AGPL-3.0-only AND MIT) OR AGPL-3.0-only"), ("breach", "denied")),
        ('deny = ["GPL-2.0-only"]', expression("GPL-2.0-only WITH Classpath-exception-2.0"), ("breach", "denied")),
        ('deny = ["category:Copyleft"]', expression("GPL-3.0-or-later"), ("breach", "denied")),
        ('deny = ["category:copyleft"]', expression("GPL-3.0-or-later OR Apache-2.0"), ("pass", "accept")),
        ('allow = ["category:Permissive"]', expression("MIT AND Apache-2.0"), ("pass", "accept")),
        ('allow = ["category:Permissive"]', expression("MIT AND LGPL-2.1-only"), ("breach", "not-allowed")),
        ('allow = ["MIT"]', expression("ISC"), ("breach", "not-allowed")),
        ('allow = ["MIT"]', expression("ISC OR MIT"), ("pass", "accept")),
        ('allow = ["MIT"]', FILE, ("warned", "unknown")),
        ('deny = ["MIT"]', judged(Declaration(url="https://opensource.org/licenses/MIT")), ("breach", "denied")),
        ('deny = ["MIT"]', judged(Declaration(url="https://licenses.nuget.org/MIT")), ("breach", "denied")),
        # What the text of the license file is counts as what is declared.
        ("", READ, ("pass", "accept")),
        ('deny = ["MPL-2.0"]', READ, ("breach", "denied")),
        ('deny = ["category:Copyleft Limited"]', READ, ("breach", "denied")),
        ('allow = ["category:Permissive"]', READ, ("breach", "not-allowed")),
    ],
)  # fmt: skip
def test_without_exceptions(text: str, found: Answer, expected: tuple[str, str]) -> None:
    assert decided(text, found) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("breach", "accept")),
        ('development = "warn"', ("warned", "development")),
        ('development = "pass"', ("pass", "development")),
    ],
)
def test_what_is_used_to_build_only(text: str, expected: tuple[str, str]) -> None:
    assert decided(text, PROPRIETARY, package(scope="development")) == expected


EXCEPTION = '[[exception]]\npackage = "{0}"\nreason = "seat 4711"\nby = "anna"\nuntil = {1}\n{2}'


@pytest.mark.parametrize(
    ("name", "until", "more", "expected"),
    [
        ("P", "2027-03-31", "", ("excepted", "exception")),
        ("p", '"2027-03-31"', "", ("excepted", "exception")),
        ("P", "2026-11-27", "", ("excepted", "exception")),
        ("P", "2026-11-26", "", ("breach", "exception-expired")),
        ("P", "2027-03-31", 'versions = "[1.0.0,2.0.0)"', ("excepted", "exception")),
        ("P", "2027-03-31", 'versions = "[2.0.0,)"', ("breach", "accept")),
        ("P", "2027-03-31", f'declares = "url {CLOSED.url}"', ("excepted", "exception")),
        ("P", "2027-03-31", 'declares = "expression MIT"', ("breach", "exception-outdated")),
        ("Q", "2027-03-31", "", ("breach", "accept")),
    ],
)
def test_exceptions(name: str, until: str, more: str, expected: tuple[str, str]) -> None:
    assert decided(EXCEPTION.format(name, until, more), PROPRIETARY) == expected


def test_an_exception_for_the_beginning_of_ids() -> None:
    text = EXCEPTION.format("Telerik.*", "2027-01-01", "")
    assert decided(text, PROPRIETARY, package("Telerik.UI")) == ("excepted", "exception")
    assert decided(text, PROPRIETARY, package("Telerik")) == ("breach", "accept")


def test_a_baseline_is_quiet_until_the_license_changes() -> None:
    known = Baseline([("P", PROPRIETARY.declares)])
    assert decided("", PROPRIETARY, package(version="1.0.1"), known) == ("baseline", "baseline")
    moved = replace(PROPRIETARY, declaration=Declaration(expression="BUSL-1.1"))
    assert decided("", moved, package(version="2.0.0"), known) == ("breach", "accept")


def test_remarks_on_the_exceptions_themselves() -> None:
    texts = [
        EXCEPTION.format("Old", "2026-01-01", ""),
        EXCEPTION.format("Soon", "2026-12-10", ""),
        EXCEPTION.format("Moved", "2027-01-01", 'declares = "expression MIT"'),
        EXCEPTION.format("Nobody", "2027-01-01", ""),
        EXCEPTION.format("Fine", "2027-01-01", ""),
    ]
    made = policy.parse("\n".join(texts).encode(), "p.toml", TODAY)
    packages = [package(name) for name in ("Old", "Soon", "Moved", "Fine")]
    decider = Decider(made, Baseline(), TODAY)
    decisions = {one.key: decider.decide(one, PROPRIETARY) for one in packages}
    found = {one.package: (one.code, one.is_breach) for one in remarks(made, packages, decisions, TODAY)}
    assert found == {
        "Old": ("exception-expired", True),
        "Soon": ("exception-ends-soon", False),
        "Moved": ("exception-outdated", True),
        "Nobody": ("exception-unused", False),
    }


def test_an_exception_is_not_called_unused_where_nothing_is_known() -> None:
    made = policy.parse(EXCEPTION.format("P", "2027-01-01", "").encode(), "p.toml", TODAY)
    one = package()
    decisions = {one.key: Decider(made, Baseline(), TODAY).decide(one, answer.not_looked_up("offline"))}
    assert remarks(made, [one], decisions, TODAY) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version = 2", "version is wrong"),
        ("unkown = 'warn'", "unkown is not a name of a policy; did you mean unknown?"),
        ("accept = 'open_source'", "accept is wrong (it is 'open_source'): write a list, [ … ]."),
        ("unknown = 'no'", "unknown is wrong"),
        ("[[exception]]\npackage = 'P'", "exception.1.reason is missing"),
        (EXCEPTION.format("P", "2099-01-01", ""), "none may last longer than 400 days"),
        (EXCEPTION.format("P", "2027-01-01", "versions = '[1'"), "is not a NuGet version"),
        (EXCEPTION.format("P*Q", "2027-01-01", ""), "followed by one asterisk"),
        (EXCEPTION.format("P", "2027-01-01", "untill = 3"), "exception.1.untill is not a name of a policy"),
        ("= 3", "is no TOML"),
        (f"unknown = {'9' * 5_000}", "is no TOML"),
        (f"unknown = 0x{'f' * 5_000}", "unknown is wrong (it is a number of thousands of digits)"),
    ],
)
def test_what_is_wrong_with_a_policy_is_one_sentence(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as error:
        policy.parse(text.encode(), "p.toml", TODAY)
    assert says in str(error.value)


def test_the_default_policy() -> None:
    assert policy.parse(b"", "p.toml", TODAY) == Policy()
