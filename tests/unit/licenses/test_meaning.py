"""What ids mean: approvals, other names of one text, later versions, and what it takes to close an id."""

from importlib import resources

import pytest

from pkgintel.licenses import facts
from pkgintel.licenses.expression import Meaning, parse
from pkgintel.licenses.meaning import Policy, Reader
from pkgintel.licenses.spdx import License, LicenseList
from tests.support.checkout import SHARED


@pytest.fixture(scope="module")
def official() -> LicenseList:
    """The newest official list at hand: 3.28.0 beside the checkout, else what the `reuse` package carries."""
    if SHARED.is_dir():
        licenses, exceptions = (SHARED / "spdx" / f"{name}-3.28.0.json" for name in ("licenses", "exceptions"))
        return LicenseList.parse(licenses.read_bytes(), exceptions.read_bytes())
    pytest.importorskip("reuse", reason="the official SPDX list is inside the reuse package")
    folder = resources.files("reuse") / "resources"
    return LicenseList.parse((folder / "licenses.json").read_bytes(), (folder / "exceptions.json").read_bytes())


def test_a_deprecated_id_means_what_its_successor_means(official: LicenseList) -> None:
    for policy in ("osi-or-fsf", "osi"):
        reader = Reader(official, policy)
        for row in facts.rows("successors"):
            deprecated, successor = (reader.meaning(parse(row[name])) for name in ("id", "successor"))
            assert deprecated == successor, (policy, row)


def test_every_deprecated_id_has_a_successor(official: LicenseList) -> None:
    deprecated = {license_.license_id for license_ in official.licenses.values() if license_.is_deprecated}
    named = {row["id"] for row in facts.rows("successors")}
    # Net-SNMP stood for a stack of licenses, and no single one follows it.
    assert deprecated - named == {"Net-SNMP"}
    for row in facts.rows("successors"):
        assert {leaf.lower() for leaf in row["successor"].split()} & set(official.licenses), row


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("Nunit", "open"),
        ("zlib-acknowledgement", "open"),
        ("BSD-2-Clause-Views", "open"),
        ("AGPL-1.0-only", "open"),
        ("GPL-2.0-with-classpath-exception", "open"),
        ("wxWindows", "open"),
        ("GPL-1.0-only", "undecided"),
        ("GPL-1.0", "undecided"),
        ("GPL-1.0-or-later", "open"),
        ("GPL-1.0+", "open"),
        ("GPL-1.0-only+", "open"),
        ("AGPL-1.0-or-later", "open"),
        ("EUPL-1.0", "undecided"),
        ("EUPL-1.0+", "open"),
        ("CC-BY-3.0", "undecided"),
        ("CC-BY-3.0+", "open"),
        ("OLDAP-2.6+", "open"),
        ("CC-BY-NC-3.0+", "closed"),
        ("SSPL-1.0+", "closed"),
        ("CC-BY-ND-3.0+", "closed"),
        ("Aladdin", "closed"),
        ("JSON", "closed"),
        ("OPL-1.0", "closed"),
        ("PPL", "closed"),
        ("RHeCos-1.1", "closed"),
        ("BSD-3-Clause-No-Nuclear-Warranty", "undecided"),
        ("HPND-export-US", "undecided"),
        ("HPND-export-US-acknowledgement", "undecided"),
        ("HPND-UC-export-US", "undecided"),
        ("SISSL-1.2", "undecided"),
        ("Caldera", "undecided"),
        ("SOFA", "undecided"),
        ("Unicode-TOU", "undecided"),
        ("Watcom-1.0", "open"),  # The FSF says no and the OSI says yes.
    ],
)
def test_ids(official: LicenseList, text: str, means: Meaning) -> None:
    assert Reader(official).meaning(parse(text)) == means


@pytest.mark.parametrize(("policy", "means"), [("osi-or-fsf", "open"), ("osi", "undecided")])
def test_the_other_name_of_a_text_is_subject_to_the_policy(
    official: LicenseList, policy: Policy, means: Meaning
) -> None:
    assert Reader(official, policy).meaning(parse("zlib-acknowledgement")) == means


def test_the_evidence_says_what_the_approval_belongs_to(official: LicenseList) -> None:
    reader = Reader(official)

    def through(text: str) -> str | None:
        leaf = parse(text)
        assert not hasattr(leaf, "parts")
        return reader.finding(leaf).evidence().as_json().get("through")

    assert through("zlib-acknowledgement") == "Nunit"
    assert through("GPL-1.0-or-later") == "GPL-2.0-only"
    assert through("GPL-2.0-with-classpath-exception") == "GPL-2.0-only WITH Classpath-exception-2.0"
    assert through("MIT") is None


def test_only_later_versions_that_are_on_the_list_can_be_chosen() -> None:
    listed = License("EUPL-1.0", "EUPL", False, None, False, (), {})
    assert Reader(LicenseList.of("1", [listed])).meaning(parse("EUPL-1.0+")) == "undecided"


def test_the_word_of_the_fsf_alone_closes_nothing() -> None:
    listed = License("Invented-1.0", "Invented", False, False, False, (), {})
    assert Reader(LicenseList.of("1", [listed])).meaning(parse("Invented-1.0")) == "undecided"


def test_each_closed_id_has_two_witnesses_and_the_clause(official: LicenseList) -> None:
    for row in facts.rows("closed"):
        witnesses = {row["witness_1"], row["witness_2"]}
        assert len(witnesses) == 2, row
        kinds = {witness.split(":")[0].split(" ")[0] for witness in witnesses}
        assert len(kinds) == 2, row
        assert kinds <= {"FSF", "ScanCode", "the"}, row
        assert len(row["quote"]) > 20, row
        listed = official.license(row["id"])
        assert listed is not None, row
        assert not listed.is_osi_approved, row
        assert not listed.is_fsf_libre, row
        if "FSF" in kinds:
            assert listed.is_fsf_libre is False, row


def test_only_the_table_closes(official: LicenseList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "closings", dict)
    reader = Reader(official)
    assert not [id_ for id_ in official.licenses if reader.meaning(parse(id_)) == "closed"]


def test_the_later_versions_are_listed_in_order(official: LicenseList) -> None:
    for row in facts.rows("later"):
        for name in (row["id"], *row["later"].split("|")):
            assert official.license(name), (row, name)
        assert row["source"], row
