"""Texts that a person reviewed: what closes them, and what the well-known packages that went commercial are read as."""

import csv
from dataclasses import replace
from datetime import date

import pytest

from pkgintel.licenses.expression import parse
from pkgintel.licenses.texts import library
from pkgintel.licenses.texts.decode import decode
from pkgintel.licenses.texts.library import REVIEWED_FILE, is_closed
from pkgintel.licenses.texts.notices import set_aside
from pkgintel.licenses.texts.words import digest, passage
from pkgintel.licenses.verdict import Declaration, Judge
from tests.support.license_texts import COLLECTED, reading
from tools.commercialised import NOW, at_hand, packages, texts, verdict


def rows() -> list[dict[str, str]]:
    with REVIEWED_FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_reviewed_text_is_closed_by_a_clause_and_another_witness_or_not_at_all() -> None:
    assert len({row["words"] for row in rows()}) == len(rows())
    for row in rows():
        assert bool(row["quote"]) == bool(row["witness"]) == is_closed(row), row
        assert date.fromisoformat(row["read"])
        assert row["why"]
        assert parse(row["expression"])
        assert library.library().prints[bytes.fromhex(row["words"])].closed == is_closed(row)


def test_a_reviewed_choice_between_a_license_and_sold_terms_is_open_with_a_remark() -> None:
    choices = [row["expression"] for row in rows() if "LicenseRef-Commercial" in row["expression"]]
    assert "RPL-1.5 OR LicenseRef-Commercial" in choices
    judge = Judge(library.license_list())
    for expression in set(choices):
        chosen = replace(reading("no license"), status="matched", expression=expression, licenses=(expression,))
        found = judge.judge(Declaration(file="LICENSE"), NOW, at_hand(chosen))
        assert (found.verdict, found.rule) == ("open_source", "text-open")
        assert "commercial" in found.evidence.remarks[0]


@pytest.mark.skipif(not COLLECTED.is_dir(), reason="the collected license texts do not lie beside the checkout")
def test_well_known_packages_that_went_commercial_are_decided_as_an_expert_would() -> None:
    wanted = packages()
    known = texts([COLLECTED], wanted)
    said = {one.package: verdict(known[one.sha256]).verdict for one in wanted if one.sha256 in known}
    assert len(said) >= 9
    assert said == {one.package: one.expected for one in wanted if one.package in said}


@pytest.mark.skipif(not COLLECTED.is_dir(), reason="the collected license texts do not lie beside the checkout")
def test_the_clause_that_closes_a_reviewed_text_stands_in_it() -> None:
    quotes = {row["words"]: row for row in rows() if is_closed(row)}
    prose = library.library().prose
    seen = 0
    for path in sorted(COLLECTED.glob("*.txt")):
        words = set_aside(passage(decode(path.read_bytes()).text), prose).words
        row = quotes.get(digest(words).hex())
        if row and "duende" not in row["expression"]:  # A notice that leads to the terms with the clause.
            seen += 1
            assert " ".join(passage(row["quote"]).words) in " ".join(words), path.name
    assert seen >= 8
