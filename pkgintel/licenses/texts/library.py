"""The license texts that the reader knows: templates, fingerprints and the words of license prose.

The file `library.json.xz` beside this one is made by `tools/license_texts.py`, and says itself from what. It is read on
first use, once a process.
"""

import csv
import json
import lzma
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from pkgintel.licenses.spdx import License, LicenseException, LicenseList
from pkgintel.licenses.texts.names import Prose
from pkgintel.licenses.texts.template import SAMPLE, Template, in_a_row
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
        self._runs: dict[tuple[str, ...], int] = {}  # run of words → its number
        self._holders: list[list[int]] = []  # number of a run → templates that have it, once for each place
        self._samples: list[list[tuple[int, int]]] = []  # number of a template → (place, run) of its samples
        for number, template in enumerate(self.templates):
            samples = [(place, self._runs.setdefault(run, len(self._runs))) for place, run in template.samples()]
            self._holders += [[] for _ in range(len(self._runs) - len(self._holders))]
            for _, run in samples:
                self._holders[run].append(number)
            self._samples.append(samples)

    def fingerprint(self, words: Sequence[str]) -> Print | None:
        """What a text of exactly these words is known to be."""
        return self.prints.get(digest(words))

    def candidates(self, words: Sequence[str], start: int, end: int) -> list[Hit]:
        """The templates that share most with the words from start to end, best first, MOST_CANDIDATES at most."""
        where: dict[int, list[int]] = defaultdict(list)
        for place, run in enumerate(map(self._runs.get, _runs(words[start:end])), start):
            if run is not None:
                where[run].append(place)
        shared = Counter(chain.from_iterable(map(self._holders.__getitem__, where)))
        shares = {number: count / len(self._samples[number]) for number, count in shared.items()}
        likely = [number for number, share in shares.items() if share >= LEAST_SHARE]
        likely.sort(key=lambda number: self._rank(number, shares[number]))
        return [
            Hit(
                self.templates[number],
                shares[number],
                [(at, place) for at, run in self._samples[number] for place in where.get(run, ())],
            )
            for number in likely[:MOST_CANDIDATES]
        ]

    def _rank(self, number: int, share: float) -> tuple[float, tuple[str, ...]]:
        template = self.templates[number]
        return -share * len(template.words) ** 0.5, template.licenses


def _runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The run of SAMPLE words that begins at each word, shorter ones at the end, none of one word."""
    yield from in_a_row(words, SAMPLE)
    for place in range(max(0, len(words) - SAMPLE + 1), len(words) - 1):
        yield tuple(words[place:])


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
