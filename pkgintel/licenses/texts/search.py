"""Whether a run of a license's words and a run of a text's words say the same: a search over small steps.

Every step explains a word or more of either run: the same word, another spelling, a wording or a name that the license
leaves open, a part that may be left out, or an aside.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pkgintel.licenses.texts.asides import Asides
from pkgintel.licenses.texts.names import Prose
from pkgintel.licenses.texts.spelling import is_same, is_typo, same
from pkgintel.licenses.texts.template import NAME, Template
from pkgintel.licenses.texts.words import Passage

MOST_TYPOS = 3  # in one license
MOST_STEPS = 1_500  # of one search
MOST_NAME = 24  # words
_ARTICLES = ("the", "a", "an")


@dataclass(slots=True)
class Laid:
    """A template laid on a passage: `kept` are the template's words that count, `pattern` what they are."""

    passage: Passage
    asides: Asides
    prose: Prose
    template: Template
    kept: Sequence[int]
    pattern: list[str]
    typos: int = 0  # explained so far

    def place(self, index: int) -> int:
        """The place among the kept words of a word of the template, or of the first kept one behind it."""
        return bisect_left(self.kept, index)


class Search:
    """One search: the pattern's words up to `last`, the passage's up to `end`."""

    def __init__(self, laid: Laid, last: int, end: int) -> None:
        self._laid = laid
        self._goal = (last, end)

    def fits(self, first: int, start: int) -> bool:
        """Whether the pattern's words from `first` on fit the passage's from `start` on."""
        if (first, start) == self._goal:
            return True
        pending, path = [self._moves(first, start)], [(first, start)]
        failed: set[tuple[int, int]] = set()
        for _ in range(MOST_STEPS):
            state = next(pending[-1], None)
            if state is None:
                pending.pop()
                failed.add(path.pop())
                if not pending:
                    return False
            elif state == self._goal:
                return True
            elif state not in failed and state[0] <= self._goal[0] and state[1] <= self._goal[1]:
                pending.append(self._moves(*state))
                path.append(state)
        return False

    def _moves(self, first: int, start: int) -> Iterator[tuple[int, int]]:
        laid, (last, end) = self._laid, self._goal
        template, words = laid.template, laid.passage.words
        if first < last:
            if start < end:
                yield from self._spelled(first, start)
            for wording in template.slots.get(laid.pattern[first], ()):
                for behind in self._wording(wording, start):
                    yield first + 1, behind
            for index in template.skips.get(laid.kept[first], ()):
                yield laid.place(index), start
        if start < end:
            numbered = first < len(laid.kept) and laid.kept[first] in template.bullets
            for behind in laid.asides.ends(start, end, template.title, numbered):
                yield first, behind
            if words[start] in _ARTICLES:
                yield first, start + 1

    def _spelled(self, first: int, start: int) -> Iterator[tuple[int, int]]:
        laid = self._laid
        pattern, words = laid.pattern, laid.passage.words
        if pattern[first] == words[start]:
            yield first + 1, start + 1
        for of_pattern, of_words in same(pattern, first, words, start):
            yield first + of_pattern, start + of_words
        if laid.typos < MOST_TYPOS and is_typo(pattern[first], words[start], laid.prose.words):
            laid.typos += 1
            yield first + 1, start + 1

    def _wording(self, wording: Sequence[str], start: int, at: int = 0) -> Iterator[int]:
        """Where in the passage a wording of a slot may end that begins at `start`."""
        laid, (_, end) = self._laid, self._goal
        words = laid.passage.words
        while at < len(wording) and wording[at] != NAME:
            if start >= end or (words[start] != wording[at] and not is_same(wording[at], words[start])):
                return
            at, start = at + 1, start + 1
        if at == len(wording):
            yield start
            return
        for last in range(min(end, start + MOST_NAME), start, -1):
            if laid.asides.is_name(start, last, opens=True):
                yield from self._wording(wording, last, at + 1)
