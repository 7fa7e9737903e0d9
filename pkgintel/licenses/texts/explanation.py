"""Explains the runs in which a text and a license are not equal, or says in which words they differ."""

from dataclasses import dataclass

from pkgintel.licenses.texts.search import Laid, Search

MOST_DIFFERENT = 200  # words in one run that is explained at all
MOST_UNEQUAL = 8  # words of a run that the license must have and that are spelled in another way
MOST_ROOM = 40  # words that are tried beyond an edge
SHOWN = 400  # characters of a difference
# Equal words (before, behind) a run that may be equal by chance, in the order in which they are tried.
_AROUND = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (2, 2), (0, 3), (3, 0))


@dataclass(frozen=True, slots=True)
class Difference:
    """A run that nothing explains: what the license has there, what the text has, and the words before it."""

    missing: str
    added: str
    after: str = ""


@dataclass(slots=True)
class Run:
    """A run that is not equal: [first, last) of the template's kept words, [start, end) of the passage."""

    first: int
    last: int
    start: int
    end: int


class Explainer:
    """Explains the runs of a template laid on the passage's words from `low` to `high`, which grow at the edges.

    Where the license has words before the first equal one or behind the last, the passage may have them there in a
    spelling of its own: the template then covers more of it, between `start` and `end`.
    """

    def __init__(self, laid: Laid, low: int, high: int, start: int, end: int) -> None:
        self._laid = laid
        self.low, self.high = low, high
        self._start, self._end = start, end

    def explain(self, run: Run) -> Difference | None:
        """None if the run is explained, else the difference."""
        if self._explained(run):
            return None
        passage = self._laid.passage
        missing = " ".join(self._shown(word) for word in self._laid.pattern[run.first : run.last])
        after = passage.shown(max(self.low, run.start - 6), run.start)
        return Difference(missing[:SHOWN], passage.shown(run.start, run.end, SHOWN), after)

    def _explained(self, run: Run) -> bool:
        room = self._room(run)
        if run.start == run.end == self.low and run.first == 0:
            for low in range(self.low, max(self._start, self.low - room) - 1, -1):
                if self._fits(run.first, run.last, low, run.end):
                    self.low = low
                    return True
            return False
        if run.start == run.end == self.high and run.last == len(self._laid.pattern):
            for high in range(self.high, min(self._end, self.high + room) + 1):
                if self._fits(run.first, run.last, run.start, high):
                    self.high = high
                    return True
            return False
        return self._fits(run.first, run.last, run.start, run.end) or self._fits_wider(run)

    def _room(self, run: Run) -> int:
        """Words that the passage may have for the words of a license at an edge, some more included."""
        slots = self._laid.template.slots
        words = (slots.get(mark, ((mark,),)) for mark in self._laid.pattern[run.first : run.last])
        return min(MOST_ROOM, sum(max(map(len, wordings), default=1) for wordings in words) + 4)

    def _fits_wider(self, run: Run) -> bool:
        """Whether the run fits with some of the equal words around it, which may be equal by chance."""
        for before, behind in _AROUND:
            first, last = run.first - before, run.last + behind
            start, end = run.start - before, run.end + behind
            inside = first >= 0 and last <= len(self._laid.pattern) and start >= self.low and end <= self.high
            if inside and self._fits(first, last, start, end):
                return True
        return False

    def _fits(self, first: int, last: int, start: int, end: int) -> bool:
        laid = self._laid
        if end - start > MOST_DIFFERENT or last - first > 2 * MOST_DIFFERENT:
            return False
        several = laid.kept[first:last] if last - first > MOST_UNEQUAL else ()
        if sum(map(laid.template.required.__contains__, several)) > MOST_UNEQUAL:
            return False
        typos = laid.typos
        if Search(laid, last, end).fits(first, start):
            return True
        laid.typos = typos
        return False

    def _shown(self, mark: str) -> str:
        wordings = self._laid.template.slots.get(mark)
        return mark if wordings is None else " ".join(wordings[0]) if wordings else ""
