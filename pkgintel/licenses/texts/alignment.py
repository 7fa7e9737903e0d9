"""Word for word: does a text say what a license says, and nothing else?

The words of both are aligned; every run that is not equal must be explained by what the license leaves open, by an
aside, or by a way of spelling. One run that is not explained, and the text is not that license, however similar it is.
So how the words were aligned cannot make a wrong match: at worst a right one is missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress

from rapidfuzz.distance import Indel

from pkgintel.licenses.texts.asides import Asides
from pkgintel.licenses.texts.explanation import MOST_DIFFERENT, Difference, Explainer, Run
from pkgintel.licenses.texts.library import Hit, Library
from pkgintel.licenses.texts.search import Laid
from pkgintel.licenses.texts.template import LONG_PART, SAMPLE, Template, in_a_row
from pkgintel.licenses.texts.words import Passage

MOST_CHANCE = 8  # equal words between two runs that may be chance
LEAST_PART = 0.4  # of the three-word runs of a part that the passage must have


@dataclass(frozen=True, slots=True)
class Alignment:
    """A template laid on the words from start to end of a passage; without differences it is a match."""

    template: Template
    start: int
    end: int
    equal: int
    similarity: float
    differences: list[Difference] = field(default_factory=list)
    exact: bool = False


class Aligner:
    """Lays templates on one passage."""

    def __init__(self, passage: Passage, library: Library) -> None:
        self._passage = passage
        self._prose = library.prose
        self._asides = Asides(passage, library.prose)

    def align(self, hit: Hit, start: int, end: int, whole: bool = False) -> Alignment:
        """The template of a hit, laid where it shares most with the passage's words from start to end.

        Without `whole` the first difference ends the work, for then it is no match.
        """
        template, words = hit.template, self._passage.words
        low, high = _window(hit, start, end)
        kept = _kept(template, words[low:high])
        pattern = list(map(template.words.__getitem__, kept))
        runs, equal = _runs(pattern, words, low, high)
        if not equal:
            return Alignment(template, low, low, 0, 0.0)
        low, high = _trimmed(runs, len(pattern), low, high)
        laid = Laid(self._passage, self._asides, self._prose, template, kept, pattern)
        explainer = Explainer(laid, low, high, start, end)
        runs = [run for run in runs if run.first < run.last or run.start < run.end]
        differences = _differences(explainer, runs, whole)
        slots = sum(map(template.slots.__contains__, pattern))
        similarity = min(1.0, 2 * (equal + slots) / (len(pattern) + explainer.high - explainer.low))
        return Alignment(template, explainer.low, explainer.high, equal, similarity, differences, not runs)


def _differences(explainer: Explainer, runs: list[Run], whole: bool) -> list[Difference]:
    """What is not explained; two runs are tried as one where the words between them may be equal by chance."""
    differences = []
    done = -1
    for number, run in enumerate(runs):
        found = None if number <= done else explainer.explain(run)
        if found and number + 1 < len(runs):
            following = runs[number + 1]
            both = Run(run.first, following.last, run.start, following.end)
            if following.first - run.last <= MOST_CHANCE and explainer.explain(both) is None:
                done = number + 1
                continue
        if found:
            differences.append(found)
            if not whole:
                break
    return differences


def _window(hit: Hit, start: int, end: int) -> tuple[int, int]:
    """Where in the passage the template may lie: where most of its samples stand as far apart as in the template."""
    first_word, last_word = hit.template.body
    size = last_word - first_word
    places = sorted((at - place, at, place) for place, at in hit.places)
    width = 2 * MOST_DIFFERENT if size > 2 * MOST_DIFFERENT else 80 + size // 4
    begin, best = 0, (0, 1)
    for behind, (apart, _, _) in enumerate(places, 1):
        while apart - places[begin][0] > width:
            begin += 1
        if behind - begin > best[1] - best[0]:
            best = begin, behind
    inside = [(at, place) for _, at, place in places[slice(*best)]]
    (low_at, low_place), (high_at, high_place) = min(inside), max(inside)
    before, behind = low_place - first_word, last_word - high_place
    low = low_at if before == 0 else low_at - before - before // 2 - 4
    high = high_at + behind + (behind // 2 + 4 if behind > SAMPLE else 0)
    return max(start, low), min(end, high)


def _kept(template: Template, words: Sequence[str]) -> list[int]:
    """The words of the template without titles at its edges and without long parts that the passage does not have."""
    start, end = template.body
    runs = set(in_a_row(words, LONG_PART)) if template.long_parts else set()
    stays = bytearray(b"\1" * len(template.words))
    for part, inside in template.long_parts:
        if stays[part.start] and sum(map(runs.__contains__, inside)) < len(inside) * LEAST_PART:
            stays[part.start : part.end] = bytes(part.end - part.start)
    return list(compress(range(start, end), stays[start:end]))


def _runs(pattern: list[str], words: list[str], low: int, high: int) -> tuple[list[Run], int]:
    """The runs that are not equal, in order, and how many words are."""
    runs: list[Run] = []
    equal = 0
    for code in Indel.opcodes(pattern, words[low:high]):
        if code.tag == "equal":
            equal += code.src_end - code.src_start
        elif runs and runs[-1].last == code.src_start and runs[-1].end == low + code.dest_start:
            runs[-1].last, runs[-1].end = code.src_end, low + code.dest_end
        else:
            runs.append(Run(code.src_start, code.src_end, low + code.dest_start, low + code.dest_end))
    return runs, equal


def _trimmed(runs: list[Run], size: int, low: int, high: int) -> tuple[int, int]:
    """The first equal word and the one behind the last; what the window has beyond them leaves the runs."""
    if runs and runs[0].first == 0 and runs[0].start == low:
        low = runs[0].start = runs[0].end
    if runs and runs[-1].last == size and runs[-1].end == high:
        high = runs[-1].end = runs[-1].start
    return low, high
