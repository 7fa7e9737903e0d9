"""What the text at hand says for a version: its rule, for its time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pkgintel.licenses.texts import difference, negatives, reading
from pkgintel.licenses.texts.hand import Ended, Span, StoredDifference, StoredReading, TextAtHand
from pkgintel.licenses.verdict import Declaration, Judge

SEEN = datetime(2024, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FILE = Declaration(file="LICENSE")
ADDRESS = Declaration(url="https://github.com/contoso/shop/blob/main/LICENSE")
DIFFERS: dict[str, Any] = {
    "status": "differs",
    "similarity": 0.99,
    "differences": (StoredDifference(missing="", added="not as a service", after="the Software"),),
}


def span(expression: str = "MIT", first: datetime = SEEN, last: datetime = SEEN, **changes: Any) -> Span:
    """A text that was seen."""
    plain = {"status": "matched", "licenses": (expression,), "expression": expression, "method": "exact"}
    rest = {"similarity": 1.0, "differences": (), "closed": False, "encoding": "utf-8", "why": ""}
    said = StoredReading.model_validate(plain | rest | changes)
    where = "https://raw.githubusercontent.com/contoso/shop/main/LICENSE"
    return Span(sha256=expression * 3, first_read=first, last_read=last, asked=where, answered=where, reading=said)


def hand(*spans: Span, kind: str = "embedded", **changes: Any) -> TextAtHand:
    """What is known of one source."""
    rest = {"reader": "1", "stands_from": None, "ended": None}
    return TextAtHand.model_validate({"kind": kind, "spans": spans} | rest | changes)


@pytest.mark.parametrize(
    ("seen", "means", "rule"),
    [
        (span(), "open_source", "text-open"),
        (span("MIT AND Apache-2.0"), "open_source", "text-open"),
        (span("MIT", closed=True), "proprietary", "text-closed"),
        (span("Glulxe"), "unknown", "text-undecided"),
        (span("JSON"), "proprietary", "text-closed"),
        (span(**DIFFERS), "unknown", "text-differs"),
        (span(status="none", expression="", why="no license is near"), "unknown", "text-none"),
        (span("MIT AND AND"), "unknown", "text-none"),
    ],
)
def test_a_version_has_the_rule_of_its_own_file(judge: Judge, seen: Span, means: str, rule: str) -> None:
    found = judge.judge(FILE, SEEN, hand(seen))
    assert (found.verdict, found.rule) == (means, rule)
    assert found.evidence.text is not None
    assert found.evidence.text.sha256 == seen.sha256


def test_words_that_differ_are_shown(judge: Judge) -> None:
    found = judge.judge(FILE, SEEN, hand(span(**DIFFERS)))
    assert "[+not as a service+]" in found.reason


@pytest.mark.parametrize(
    ("outcome", "rule"), [("missing", "text-missing"), ("refused", "text-refused"), (None, "text-not-read-yet")]
)
def test_a_file_without_a_text_says_why(judge: Judge, outcome: Any, rule: str) -> None:
    ended = Ended(outcome=outcome, at=SEEN, asked="https://a.example/", error="it is too large") if outcome else None
    found = judge.judge(FILE, SEEN, hand(ended=ended))
    assert (found.verdict, found.rule) == ("unknown", rule)


@pytest.mark.parametrize(
    ("created", "rule", "license_id"),
    [
        (SEEN - 2 * DAY, "text-of-another-time", None),
        (SEEN - DAY, "text-open", "MIT"),
        (SEEN, "text-open", "MIT"),
        (SEEN + 3 * DAY, "text-of-another-time", None),  # Between two looks that saw different texts.
        (SEEN + 5 * DAY, "text-open", "ISC"),
        (None, "text-open", "ISC"),
    ],
)
def test_an_address_says_what_it_held_in_the_time_of_a_version(
    judge: Judge, created: datetime | None, rule: str, license_id: str | None
) -> None:
    first, second = span("MIT", SEEN, SEEN + DAY), span("ISC", SEEN + 5 * DAY, SEEN + 6 * DAY)
    known = hand(first, second, kind="address", stands_from=SEEN - DAY)
    found = judge.judge(ADDRESS, created, known)
    assert (found.rule, found.spdx_ids) == (rule, [license_id] if license_id else [])
    assert set(judge.eras(ADDRESS, known)) == {SEEN - DAY, SEEN + DAY, SEEN + 5 * DAY}


def test_a_pinned_file_never_changes(judge: Judge) -> None:
    known = hand(span(), kind="pinned")
    assert judge.judge(ADDRESS, SEEN - 999 * DAY, known).rule == "text-open"
    assert judge.eras(ADDRESS, known) == ()


def test_a_contradiction_between_expression_and_file_decides_nothing(judge: Judge) -> None:
    declared = Declaration(expression="MIT", file="LICENSE")
    alone, beside = judge.judge(declared, SEEN), judge.judge(declared, SEEN, hand(span(closed=True)))
    assert (beside.verdict, beside.rule) == (alone.verdict, alone.rule) == ("open_source", "expression-open")


def test_no_open_text_with_a_clause_that_takes_something_back_is_recognised() -> None:
    made = list(negatives.texts())
    assert len(made) == len(negatives.LICENSES) * len(negatives.CLAUSES) * 5
    assert negatives.recognised() == 0
    assert reading.read(f"{negatives.NOTICE}\n\n{negatives.plain('MIT')}".encode()).status == "matched"


def test_a_text_is_laid_beside_a_license_word_by_word() -> None:
    words = negatives.plain("ISC")
    runs = difference.runs(f"{negatives.NOTICE}\n\n{words} Not as a service.".encode(), "ISC")
    assert any(run.kind == "equal" for run in runs)
    assert any(run.kind == "added" and "service" in run.words for run in runs)
    assert difference.runs(b"\x00\x01", "ISC") == difference.runs(b"words", "no license") == []
