"""What the text at hand says for a version created at some time: its rule, its sentence and its evidence. Pure."""

from dataclasses import dataclass
from datetime import datetime

from pkgintel.licenses.evidence import DifferenceEvidence, TextEvidence
from pkgintel.licenses.expression import MalformedExpression, Tree, parse
from pkgintel.licenses.reasons import clean
from pkgintel.licenses.texts.hand import Span, TextAtHand

RULES: dict[str, str] = {
    "text-open": "the text of the license file is, word for word, that of licenses approved by the OSI or the FSF",
    "text-closed": "the text of the license file is known, and withholds open-source rights",
    "text-undecided": "the text of the license file is that of a license which nobody approved",
    "text-differs": "the text of the license file is near a known license, and the words that differ are not explained",
    "text-none": "the text of the license file is near no license that is known, or cannot be read as a text",
    "text-missing": "the license file is not where it should be",
    "text-refused": "the license file was not fetched: its address leads where nothing is asked, or it is too large",
    "text-of-another-time": "the license file was read, but not for the time in which the version was created",
    "text-not-read-yet": "the license is a file whose text has not been read yet",
}

_SHOWN_DIFFERENCES = 8
_SHOWN_WORDS = 300


@dataclass(frozen=True, slots=True)
class TextFinding:
    """What a text means for a version. `tree` are its licenses where these decide, else `reason` is the whole sentence.

    `closed`: its words are known closed terms, whatever its licenses are called.
    """

    rule: str
    reason: str
    evidence: TextEvidence | None
    tree: Tree | None = None
    closed: bool = False


def find(hand: TextAtHand, created: datetime | None, where: str) -> TextFinding:
    """What the text at hand says; `where` begins its sentences: "The license file 'LICENSE' inside the package"."""
    span = hand.at(created)
    if span is None:
        return _without(hand, created, where)
    evidence, reading = _evidence(hand, span), span.reading
    read = f"{where}, as read on {day(span.last_read)}," if hand.is_mutable else where
    if reading.status == "matched":
        try:
            tree = parse(reading.expression)
        except MalformedExpression:
            tree = None
        says = f"{read} is {clean(reading.expression, 120)} ({reading.method} {reading.similarity:.3f})"
        if reading.closed:
            return TextFinding("text-closed", f"{says}, whose terms two witnesses call closed.", evidence, closed=True)
        if tree is not None:
            return TextFinding("text", says, evidence, tree)
    if reading.status == "differs":
        near = f"{clean(reading.expression, 80)} ({reading.similarity:.3f})"
        reason = f"{read} is near {near}, and differs in words that are not explained: {_words(evidence)}; a license "
        return TextFinding("text-differs", f"{reason}expression would decide this.", evidence)
    why = clean(reading.why, 160) or f"its license {clean(reading.expression, 80)} is none"
    reason = f"{read} holds no license that is known: {why}; a license expression would decide this."
    return TextFinding("text-none", reason, evidence)


def _without(hand: TextAtHand, created: datetime | None, where: str) -> TextFinding:
    if hand.spans:
        seen = ", ".join(f"{day(span.first_read)} to {day(span.last_read)}" for span in hand.spans[-3:])
        when = f" on {day(created)}" if created else ""
        reason = (
            f"{where} was read ({seen}), but not for the time in which the version was created{when}; "
            "a license expression would decide this."
        )
        newest = hand.spans[-1]
        return TextFinding("text-of-another-time", reason, _evidence(hand, newest))
    ended = hand.ended
    if ended is None:
        return TextFinding("text-not-read-yet", f"{where} has not been read yet; its text would decide this.", None)
    evidence = TextEvidence(
        kind=hand.kind, status=ended.outcome, asked=clean(ended.asked), read_at=_stamp(ended.at),
        error=clean(ended.error, 300) if ended.error else None, mutable=hand.is_mutable, reader=hand.reader,
    )  # fmt: skip
    if ended.outcome == "missing":
        reason = f"{where} was not there on {day(ended.at)}; a license expression would decide this."
        return TextFinding("text-missing", reason, evidence)
    why = f": {clean(ended.error, 200)}" if ended.error else ""
    reason = f"{where} was not fetched on {day(ended.at)}{why}; a license expression would decide this."
    return TextFinding("text-refused", reason, evidence)


def _evidence(hand: TextAtHand, span: Span) -> TextEvidence:
    reading, newest = span.reading, hand.newest
    later = newest if newest is not None and newest.sha256 != span.sha256 else None
    differences = tuple(
        DifferenceEvidence(
            missing=clean(one.missing, _SHOWN_WORDS),
            added=clean(one.added, _SHOWN_WORDS),
            after=clean(one.after, _SHOWN_WORDS),
        )
        for one in reading.differences[:_SHOWN_DIFFERENCES]
    )
    return TextEvidence(
        kind=hand.kind,
        sha256=span.sha256,
        status=reading.status,
        license=clean(reading.expression, 200) or None,
        method=reading.method or None,
        similarity=round(reading.similarity, 4),
        differences=differences or None,
        asked=clean(span.asked, 2000),
        answered=clean(span.answered, 2000) if span.answered else None,
        first_read=_stamp(span.first_read),
        read_at=_stamp(span.last_read),
        mutable=hand.is_mutable,
        reader=hand.reader,
        now=later.sha256 if later else None,
        now_read=_stamp(later.last_read) if later else None,
    )


def _words(evidence: TextEvidence) -> str:
    """The first words that differ, in brackets."""
    parts = []
    for one in (evidence.differences or ())[:2]:
        parts += [f"[-{clean(one.missing, 60)}-]"] if one.missing else []
        parts += [f"[+{clean(one.added, 120)}+]"] if one.added else []
    return " ".join(parts) or "their order"


def day(moment: datetime) -> str:
    """The day of a moment in UTC."""
    return moment.date().isoformat()


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
