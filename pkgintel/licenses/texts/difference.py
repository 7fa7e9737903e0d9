"""A text laid beside a license, word by word, for a person who reviews it."""

from typing import Literal, NamedTuple, TypeAlias

from rapidfuzz.distance import Indel

from pkgintel.licenses.texts.decode import NotText, TooLong, decode
from pkgintel.licenses.texts.library import library
from pkgintel.licenses.texts.template import NAME
from pkgintel.licenses.texts.words import passage

Kind: TypeAlias = Literal["equal", "missing", "added"]
MOST_WORDS = 20_000


class Run(NamedTuple):
    """Words in a row: in both, in the license only, or in the text only."""

    kind: Kind
    words: str


def runs(body: bytes, license_id: str) -> list[Run]:
    """The words of a text against those of a license, in order; empty where either has none."""
    templates = [one for one in library().templates if one.kind == "text" and license_id in one.licenses]
    try:
        told = passage(decode(body).text).words[:MOST_WORDS]
    except (NotText, TooLong):
        return []
    if not templates or not told:
        return []
    ours = [
        "…" if word == NAME else word
        for mark in templates[0].words
        for word in (templates[0].slots[mark][0] if mark in templates[0].slots else (mark,))
    ]
    found = []
    for step in Indel.opcodes(ours, told):
        kind: Kind = "equal" if step.tag == "equal" else "missing" if step.tag == "delete" else "added"
        source, start, end = (
            (told, step.dest_start, step.dest_end) if kind == "added" else (ours, step.src_start, step.src_end)
        )
        found.append(Run(kind, " ".join(source[start:end])))
    return found
