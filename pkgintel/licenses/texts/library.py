"""The license texts that the reader knows: templates, fingerprints and the words of license prose.

The file `library.json.xz` beside this one is made by `tools/license_texts.py`, and says itself from what. It is read on
first use, once a process.
"""

import csv
import json
import lzma
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pkgintel.licenses.spdx import License, LicenseException, LicenseList
from pkgintel.licenses.texts.names import Prose
from pkgintel.licenses.texts.template import SAMPLE, Template
from pkgintel.licenses.texts.words import digest

FILE = Path(__file__).with_name("library.json.xz")
REVIEWED_FILE = Path(__file__).with_name("reviewed.csv")
MOST_CANDIDATES = 10
LEAST_SHARE = 0.2  # of a template's samples that a candidate has; a smaller share finds nothing that could match


@dataclass(frozen=True, slots=True)
class Print:
    """What a fingerprint stands for: an SPDX expression, and whether two witnesses call the words closed terms."""

    expression: str
    closed: bool = False
    reviewed: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A template that shares samples with a text, and where: (word of the template, word of the text)."""

    template: Template
    share: float
    places: Sequence[tuple[int, int]]


class Library:
    """Everything a text is compared with."""

    def __init__(self, templates: Iterable[Template], prints: Mapping[bytes, Print], prose: Prose) -> None:
        self.templates = list(templates)
        self.prints = prints
        self.prose = prose
        self._index: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._samples: list[int] = []
        for number, template in enumerate(self.templates):
            samples = list(template.samples())
            self._samples.append(max(1, len(samples)))
            for place, run in samples:
                self._index[run].append((number, place))

    def fingerprint(self, words: Sequence[str]) -> Print | None:
        """What a text of exactly these words is known to be."""
        return self.prints.get(digest(words))

    def candidates(self, words: Sequence[str], start: int, end: int) -> list[Hit]:
        """The templates that share most with the words from start to end, best first, MOST_CANDIDATES at most."""
        found: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for place in range(start, end - 1):
            run = " ".join(words[place : min(place + SAMPLE, end)])
            for number, at in self._index.get(run, ()):
                found[number].append((at, place))
        hits = []
        for number, places in found.items():
            share = len({at for at, _ in places}) / self._samples[number]
            if share >= LEAST_SHARE:
                hits.append(Hit(self.templates[number], share, places))
        hits.sort(key=lambda hit: (-hit.share * len(hit.template.words) ** 0.5, hit.template.licenses))
        return hits[:MOST_CANDIDATES]


def is_closed(row: Mapping[str, str]) -> bool:
    """Whether a row of the reviewed texts closes: a clause that a person read and quotes, and another witness."""
    return bool(row["quote"] and row["witness"])


@cache
def library() -> Library:
    """The library of this installation; reading it takes about half a second."""
    content = _content(FILE)
    prints = {bytes.fromhex(key): Print(*value) for key, value in content["prints"].items()}
    with REVIEWED_FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            prints[bytes.fromhex(row["words"])] = Print(row["expression"], is_closed(row), reviewed=True)
    templates = (Template(*row) for row in content["templates"])
    return Library(
        templates, prints, Prose(frozenset(content["prose"].split()), frozenset(content["nameable"].split()))
    )


@cache
def license_list() -> LicenseList:
    """The SPDX list that the library was made with: ids and approvals, enough to say what a text means."""
    content = _content(FILE)
    return LicenseList.of(
        content["about"]["list"],
        [License(name, name, osi, fsf, deprecated, (), {}) for name, osi, fsf, deprecated in content["licenses"]],
        [LicenseException(name, name, deprecated, {}) for name, deprecated in content["exceptions"]],
    )


def _content(file: Path) -> dict[str, Any]:
    """The library's file as it lies there."""
    found: dict[str, Any] = json.loads(lzma.decompress(file.read_bytes()))
    return found
