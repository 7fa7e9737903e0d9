"""License texts for tests: made from the words that SPDX lists, and collected ones beside the checkout."""

import csv
import functools
import textwrap
from dataclasses import dataclass
from pathlib import Path

from pkgintel.licenses.expression import Meaning
from pkgintel.licenses.meaning import Reader
from pkgintel.licenses.texts import library
from pkgintel.licenses.texts.reading import Reading, read
from pkgintel.licenses.texts.template import NAME
from pkgintel.licenses.texts.verdict import meaning_of
from tests.support.checkout import CHECKOUT

COLLECTED = CHECKOUT.parent / "shared" / "data" / "license_texts"
NOTICE = "Copyright (c) 2013-2020 Jane Doe"
COMMON = ("MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "MS-PL", "ISC", "MPL-2.0", "PostgreSQL", "Zlib", "0BSD")


@dataclass(frozen=True)
class Collected:
    """One collected text, and what a careful reader says of it."""

    path: Path
    group: str
    says: str
    packages: int


def collected() -> list[Collected]:
    """The texts that lie beside the checkout; none where they do not."""
    if not COLLECTED.is_dir():
        return []
    with (COLLECTED / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    keys = {(row["file"], row["group"], row["text_says"]) for row in rows}
    return [
        Collected(COLLECTED / name, group, says, sum(row["file"] == name and row["group"] == group for row in rows))
        for name, group, says in sorted(keys)
    ]


@functools.cache
def written(license_id: str) -> str:
    """The text of a license as projects have it: a title, a notice, and the words in lines and paragraphs."""
    template = next(one for one in library.library().templates if one.kind == "text" and license_id in one.licenses)
    start, end = template.body
    words: list[str] = []
    for word in template.words[start:end]:
        wording = template.slots[word][0] if word in template.slots else (word,)
        words += ["Contoso" if one == NAME else one.replace("url:", "http://").replace("mail:", "") for one in wording]
    lines = textwrap.wrap(" ".join(words).capitalize(), 72)
    paragraphs = ["\n".join(lines[at : at + 6]) for at in range(0, len(lines), 6)]
    return "\n\n".join([f"{license_id} License", NOTICE, *paragraphs]) + "\n"


def meaning(body: bytes | str) -> Meaning:
    """What a text means by itself, by the list that the library was made with."""
    return meaning_of(reading(body), Reader(library.license_list()))


def reading(body: bytes | str) -> Reading:
    """The reading of a text."""
    return read(body.encode() if isinstance(body, str) else body)
