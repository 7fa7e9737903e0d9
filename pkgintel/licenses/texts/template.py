"""A license as SPDX describes it: words that must stand there, parts that may be left out, places for names.

Written as one line of words and marks, which `tools/license_texts.py` makes from the XML of the SPDX license list:

    {   }     a part that may be left out as a whole (`optional`)
    {~  }     a title or notice, of which any word may be left out (`titleText`, `copyrightText`)
    ^         here the license has a number or another bullet
    =3        one of the wordings of the slot 3 (`alt`); a `*` in a wording stands for a name
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["text", "header", "exception"]
Wording: TypeAlias = tuple[str, ...]

NAME = "*"
STEP = 6  # words between two samples of a template
SAMPLE = 5  # words in a sample
LONG_PART = 3  # words from which a part is looked for before the alignment


def in_a_row(words: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    """The run of `length` words that begins at each word, as long as there are so many."""
    return zip(*(words[ahead:] for ahead in range(length)), strict=False)


@dataclass(frozen=True, slots=True)
class Part:
    """A part from one word up to another that may be left out."""

    start: int
    end: int


class Template:
    """One text that stands for `licenses`, each an SPDX expression (equal texts stand for all of theirs)."""

    def __init__(
        self, licenses: Sequence[str], kind: Kind, title: str, line: str, slots: Sequence[Sequence[str]]
    ) -> None:
        self.licenses = tuple(licenses)
        self.kind = kind
        self.title = frozenset(title.split())
        self._line = line
        self._slots = slots

    @cached_property
    def words(self) -> list[str]:
        """The words that may be matched; a slot is one word, `=N`."""
        return [mark for mark in self._line.split(" ") if mark not in {"{", "{~", "}", "^"}]

    @cached_property
    def slots(self) -> Mapping[str, tuple[Wording, ...]]:
        """The wordings of every slot by its mark."""
        return {f"={n}": tuple(tuple(text.split()) for text in texts) for n, texts in enumerate(self._slots)}

    @cached_property
    def parts(self) -> list[Part]:
        """The parts that may be left out, the longest first."""
        return self._structure[0]

    @cached_property
    def skips(self) -> Mapping[int, list[int]]:
        """Where one may go on after leaving out what begins at a word."""
        return self._structure[1]

    @cached_property
    def required(self) -> frozenset[int]:
        """The words that must stand there, each as it is or in another spelling."""
        free = {index for part in self.parts for index in range(part.start, part.end)}
        return frozenset(n for n, word in enumerate(self.words) if n not in free and word not in self.slots)

    @cached_property
    def bullets(self) -> frozenset[int]:
        """The words before which the license has a number or another bullet."""
        return self._structure[2]

    @cached_property
    def body(self) -> tuple[int, int]:
        """From the first word up to the last that is neither title nor notice at the edge."""
        titles = self._structure[3]
        start, end = 0, len(self.words)
        while start < end and start in titles:
            start += 1
        while end > start and end - 1 in titles:
            end -= 1
        return start, end

    @cached_property
    def long_parts(self) -> list[tuple[Part, list[tuple[str, ...]]]]:
        """The parts of LONG_PART words and more, the longest first, each with its runs of that many words."""
        long = [part for part in self.parts if part.end - part.start >= LONG_PART]
        return [(part, list(in_a_row(self.words[part.start : part.end], LONG_PART))) for part in long]

    @cached_property
    def size(self) -> int:
        """The words of the body that are no slots: the most that a text can have in common with it."""
        start, end = self.body
        return sum(word not in self.slots for word in self.words[start:end])

    @cached_property
    def _structure(self) -> tuple[list[Part], dict[int, list[int]], frozenset[int], set[int]]:
        parts: list[Part] = []
        skips: dict[int, list[int]] = {}
        bullets, titles = set(), set()
        opened: list[tuple[int, bool]] = []
        index = 0
        for mark in self._line.split(" "):
            if mark in {"{", "{~"}:
                opened.append((index, mark == "{~"))
            elif mark == "}":
                start, _ = opened.pop()
                parts.append(Part(start, index))
                skips.setdefault(start, []).append(index)
            elif mark == "^":
                bullets.add(index)
            else:
                if any(title for _, title in opened):
                    titles.add(index)
                    skips.setdefault(index, []).append(index + 1)
                index += 1
        parts.sort(key=lambda part: part.start - part.end)
        return parts, skips, frozenset(bullets), titles

    def samples(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Some runs of SAMPLE words that stand next to each other, with the place of each: for an index."""
        words, (start, end) = self.words, self.body
        last = end - SAMPLE
        long = [part for part in self.parts if part.end - part.start > 4 * SAMPLE]
        free = {index for part in long for index in range(part.start, part.end)}
        for place in sorted({*range(start, last, STEP), start, max(start, last)}):
            if place in free and len(free) < end - start:
                continue
            run = words[place : min(place + SAMPLE, end)]
            if not any(word.startswith("=") for word in run):
                yield place, tuple(run)
