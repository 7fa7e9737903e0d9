"""The reader of license texts: bytes in, a reading out. Pure, total, and bounded in time and memory.

First by fingerprint: texts that a person reviewed. Then word by word against what SPDX lists. No similarity decides,
and no list of words that a text must not have: a text is a license if every word that differs is explained, and is
undecided if one is not. Several licenses in one text hold together (AND); what stands between them must be explained
too.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from pydantic import JsonValue

from pkgintel.licenses.texts.alignment import Aligner, Alignment
from pkgintel.licenses.texts.asides import Asides
from pkgintel.licenses.texts.decode import NotText, TooLong, decode
from pkgintel.licenses.texts.explanation import Difference
from pkgintel.licenses.texts.library import Hit, Library, library
from pkgintel.licenses.texts.notices import set_aside, without
from pkgintel.licenses.texts.status import Method, Status
from pkgintel.licenses.texts.template import Template
from pkgintel.licenses.texts.words import Passage, passage

MOST_LICENSES = 8  # in one text
MOST_SECONDS = 0.6  # of computing for one text, after which it is too hard
SHOWN_DIFFERENCES = 12
MOST_ASIDE = 1_000  # words beside a license that are explained at all
MOST_PRODUCTS = 2  # lines
LEAST_WHOLE = 0.9  # similarity from which a text is read once more with its notices in their place
LEAST_SIMILAR = 0.5  # below which no license is named as the nearest


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text is. `expression` is SPDX, of the nearest license where the text differs, empty where none is near.

    `similarity` runs from 0 to 1 over words, `differences` are the runs that nothing explains, `why` says in one
    sentence why nothing was read. `closed` says that two witnesses call these very words closed terms, `encoding` how
    the bytes were read.
    """

    sha256: str
    status: Status
    licenses: tuple[str, ...] = ()
    expression: str = ""
    method: Method = ""
    similarity: float = 0.0
    differences: tuple[Difference, ...] = ()
    closed: bool = False
    encoding: str = ""
    why: str = ""

    def evidence(self) -> dict[str, JsonValue]:
        """The reading as JSON."""
        return {
            "sha256": self.sha256,
            "status": self.status,
            "expression": self.expression,
            "method": self.method,
            "similarity": round(self.similarity, 4),
            "differences": [
                {"missing": one.missing, "added": one.added, "after": one.after} for one in self.differences
            ],
        }


def read(body: bytes) -> Reading:
    """The reading of a license file. Never raises."""
    digest = sha256(body).hexdigest()
    try:
        decoded = decode(body)
    except NotText as error:
        return Reading(digest, "not-text", why=str(error))
    except TooLong as error:
        return Reading(digest, "too-long", why=str(error))
    return _Text(passage(decoded.text), library()).reading(digest, decoded.encoding)


class _TooHard(Exception):
    """The time for one text is used up."""


@dataclass(slots=True)
class _Text:
    """One text while it is read."""

    whole: Passage
    library: Library
    deadline: float = field(default_factory=lambda: time.thread_time() + MOST_SECONDS)
    nearest: Alignment | None = None
    only: Template | None = None  # the license to look for in a text that is read once more
    where: tuple[Hit, int, int] | None = None  # where the nearest was laid, to be looked at as a whole

    def reading(self, digest: str, encoding: str) -> Reading:
        """The reading of the text."""
        if not self.whole.words:
            return Reading(digest, "none", encoding=encoding, why="it holds no words")
        told = set_aside(self.whole, self.library.prose)
        for words in self._forms(told):
            known = self.library.fingerprint(words)
            if known:
                method: Method = "reviewed" if known.reviewed else "fingerprint"
                return Reading(
                    digest, "matched", (known.expression,), known.expression, method, 1.0, (), known.closed, encoding
                )
        aligner = Aligner(told, self.library)
        try:
            found = self._licenses(told, aligner, 0, len(told))
            if not found and self._may_be_cut(told):
                aligner = Aligner(self.whole, self.library)
                self.only = self.nearest.template if self.nearest else None
                self.nearest = self.where = None
                found = self._licenses(self.whole, aligner, 0, len(self.whole))
        except _TooHard:
            return Reading(digest, "too-hard", encoding=encoding, why=f"reading it takes over {MOST_SECONDS} s")
        if found is None or not found:
            if self.where is not None:
                hit, start, end = self.where
                self.nearest = aligner.align(hit, start, end, whole=True)
            return self._undecided(digest, encoding)
        expression = _together(found)
        exact = all(one.exact for one in found)
        similarity = min(one.similarity for one in found)
        licenses = tuple(dict.fromkeys(_stands_for(one.template.licenses) for one in found))
        return Reading(
            digest, "matched", licenses, expression, "exact" if exact else "aligned", similarity, encoding=encoding
        )

    def _forms(self, told: Passage) -> Iterator[Sequence[str]]:
        """The words of which a reviewed text may consist: with its notices, without them, and without a page's title.

        Where the lines break says nothing, so notices are looked for within lines too.
        """
        yield self.whole.words
        yield told.words
        if told.words[:1] == ["license"]:
            yield told.words[1:]  # The title of a page.
        for short in (True, False):
            yield without(self.whole, self.library.prose, short).words

    def _may_be_cut(self, told: Passage) -> bool:
        """Whether a notice may go on behind the line that was set aside, so that the whole text is worth a look."""
        near = self.nearest
        return told is not self.whole and near is not None and near.similarity >= LEAST_WHOLE

    def _undecided(self, digest: str, encoding: str) -> Reading:
        near = self.nearest
        if near is None or near.similarity < LEAST_SIMILAR:
            return Reading(digest, "none", encoding=encoding, why="no license that SPDX lists is near")
        name = _stands_for(near.template.licenses)
        shown = tuple(near.differences[:SHOWN_DIFFERENCES])
        return Reading(digest, "differs", (name,), name, "aligned", near.similarity, shown, False, encoding)

    def _licenses(self, told: Passage, aligner: Aligner, start: int, end: int) -> list[Alignment] | None:
        """The licenses that the words from start to end are made of; None if a word is not explained."""
        pending: list[tuple[int, int]] = [(start, end)]
        found: list[Alignment] = []
        asides = Asides(told, self.library.prose)
        titles: frozenset[str] = frozenset()
        rests: list[tuple[int, int]] = []
        while pending:
            low, high = pending.pop()
            if low >= high:
                continue
            match = self._best(told, aligner, low, high) if len(found) < MOST_LICENSES else None
            if match is None:
                rests.append((low, high))
                continue
            found.append(match)
            self.nearest = self.where = None  # What is near is near to the words that are left.
            titles |= match.template.title
            pending += [(low, match.start), (match.end, high)]
        first = min((one.start for one in found), default=end)
        for low, high in sorted(rests):
            if high - low > MOST_ASIDE:
                self._rest(told, found, low, high)
                return None
            behind = _explained(asides, low, high, titles, low < first)
            if behind < high:
                self._rest(told, found, behind, high)
                return None
        return sorted(found, key=lambda one: one.start)

    def _best(self, told: Passage, aligner: Aligner, start: int, end: int) -> Alignment | None:
        best: Alignment | None = None
        for hit in self.library.candidates(told.words, start, end):
            if self.only is not None and hit.template is not self.only:
                continue
            if time.thread_time() > self.deadline:
                raise _TooHard
            if best is not None and min(hit.template.size, end - start) < best.equal:
                continue  # It has too few words to be nearer.
            laid = aligner.align(hit, start, end)
            if laid.end <= laid.start:
                continue
            if laid.differences:
                if self.nearest is None or laid.similarity > self.nearest.similarity:
                    self.nearest, self.where = laid, (hit, start, end)
            elif best is None or (laid.equal, laid.similarity) > (best.equal, best.similarity):
                best = laid
                if laid.equal >= end - start and laid.similarity == 1:
                    break  # Nothing can be nearer.
        return best

    def _rest(self, told: Passage, found: Sequence[Alignment], start: int, end: int) -> None:
        """Name the license that was found as the nearest, and what stands beside it as the difference."""
        equal = max((laid.equal for laid in found), default=0)
        if found and (self.nearest is None or self.nearest.equal <= 2 * equal):
            one = max(found, key=lambda laid: laid.equal)
            self.where = None
            added = Difference("", told.shown(start, end), told.shown(max(0, start - 6), start))
            share = one.equal / max(1, len(told)) if one.equal < len(told) else 1.0
            self.nearest = Alignment(one.template, one.start, one.end, one.equal, max(LEAST_SIMILAR, share), [added])


def _explained(asides: Asides, start: int, end: int, titles: frozenset[str], leading: bool) -> int:
    """Up to where the words from start to end are asides: `end` if all are.

    The lines before the first license may also name the product, MOST_PRODUCTS of them.
    """
    reached: dict[int, int] = {start: MOST_PRODUCTS if leading else 0}  # word → lines that may still name the product
    furthest = start
    while reached:
        index = min(reached)
        products = reached.pop(index)
        furthest = max(furthest, index)
        if index == end:
            return end
        for behind in asides.ends(index, end, titles, behind=index > start):
            reached[behind] = max(products, reached.get(behind, 0))
        for behind in asides.product_ends(index, end) if products else ():
            reached[behind] = max(products - 1, reached.get(behind, 0))
    return furthest


def _stands_for(licenses: Sequence[str]) -> str:
    """Licenses whose words are the same, as an expression: any of them may be meant."""
    return " OR ".join(licenses)


def _together(found: Sequence[Alignment]) -> str:
    """The licenses of one text as an expression; an exception goes with the first license."""
    parts: list[str] = []
    for one in found:
        if one.template.kind == "exception" and parts and " " not in parts[0]:
            parts[0] = f"{parts[0]} WITH {one.template.licenses[0]}"
        elif one.template.kind == "exception" and parts and " OR " in parts[0] and "WITH" not in parts[0]:
            name = one.template.licenses[0]
            parts[0] = " OR ".join(f"{each} WITH {name}" for each in parts[0].split(" OR "))
        else:
            parts.append(_stands_for(one.template.licenses))
    unique = list(dict.fromkeys(parts))
    return unique[0] if len(unique) == 1 else " AND ".join(f"({part})" if " OR " in part else part for part in unique)
