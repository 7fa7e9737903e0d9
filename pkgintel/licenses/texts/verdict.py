"""What a reading means: open, closed or undecided, by the SPDX list and the policy in force."""

from pkgintel.licenses.evidence import VerdictName
from pkgintel.licenses.expression import MalformedExpression, Meaning, parse
from pkgintel.licenses.meaning import Reader
from pkgintel.licenses.texts.reading import Reading

_VERDICTS: dict[Meaning, VerdictName] = {"open": "open_source", "closed": "proprietary", "undecided": "unknown"}


def meaning_of(reading: Reading, reader: Reader) -> Meaning:
    """The meaning of a reading: of its expression where the text was matched, or closed by its own witnesses.

    A text that differs from its nearest license means nothing, whatever that license means.
    """
    if reading.status != "matched":
        return "undecided"
    if reading.closed:
        return "closed"
    try:
        return reader.meaning(parse(reading.expression))
    except MalformedExpression:
        return "undecided"


def verdict_of(reading: Reading, reader: Reader) -> VerdictName:
    """The verdict that a text would give by itself."""
    return _VERDICTS[meaning_of(reading, reader)]
