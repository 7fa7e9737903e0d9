"""Words that count as equal: the equivalent words of the SPDX list, one word written as two, and typing errors."""

import re
from collections.abc import Collection, Iterator, Sequence

from pkgintel.licenses.texts.words import URL

LEAST_TYPO = 5  # letters of a word in which a typing error is recognised

# equivalentwords.txt of github.com/spdx/license-list-XML, and forms that change who or what is named, never what is
# granted: singular and plural of holders, files and notices.
_SAME = """
acknowledgement=acknowledgment analog=analogue analyze=analyse artifact=artefact authorization=authorisation
authorized=authorised caliber=calibre canceled=cancelled capitalizations=capitalisations catalog=catalogue
categorize=categorise center=centre emphasized=emphasised favor=favour favorite=favourite fulfill=fulfil
fulfillment=fulfilment initialize=initialise judgement=judgment labeling=labelling labor=labour license=licence
licenses=licences licensed=licenced licensee=licencee maximize=maximise merchantability=merchantibility modeled=modelled
modeling=modelling offense=offence optimize=optimise organization=organisation organize=organise practice=practise
program=programme realize=realise recognize=recognise signaling=signalling utilization=utilisation while=whilst
wilfull=wilful organizations=organisations
holder=holders owner=owners holder=owner holders=owners holder=owners holders=owner author=authors
contributor=contributors notice=notices name=names disclaimer=disclaimers file=files
express=expressed section=sections street=st
"""
_PAIRS = frozenset(
    pair for one, _, other in (text.partition("=") for text in _SAME.split()) for pair in ((one, other), (other, one))
)
_PHRASES: dict[str, list[tuple[list[str], list[str]]]] = {}
for _one, _other in (
    ("per cent", "percent"),
    ("this file", "these files"),
    ("an idea", "a brief idea"),
    ("copyright holder", "author"),
    ("copyright holders", "authors"),
):
    for _left, _right in ((_one.split(), _other.split()), (_other.split(), _one.split())):
        _PHRASES.setdefault(_left[0], []).append((_left, _right))
_LETTERS = re.compile("[a-z]+")


def _host(address: str) -> str:
    return address.partition("/")[0]


def _is_same_host(one: str, other: str) -> bool:
    """Whether two words are addresses at one host: the page of a license moves, its publisher stays."""
    addresses = one.startswith(URL) and other.startswith(URL)
    return addresses and _host(one) == _host(other) and one.isascii() == other.isascii()


def is_same(one: str, other: str) -> bool:
    """Whether two words are spellings of one, or name the same holder or notice."""
    return (one, other) in _PAIRS


def same(pattern: Sequence[str], first: int, words: Sequence[str], start: int) -> Iterator[tuple[int, int]]:
    """How many words of the pattern and of the text are equal in another spelling."""
    one, other = pattern[first], words[start]
    if (one, other) in _PAIRS or _is_same_host(one, other):
        yield 1, 1
    if one[:1] == other[:1]:
        if other.startswith(one) and first + 1 < len(pattern) and one + pattern[first + 1] == other:
            yield 2, 1
        if one.startswith(other) and start + 1 < len(words) and other + words[start + 1] == one:
            yield 1, 2
    for left, right in _PHRASES.get(one, ()):
        if words[start : start + len(right)] == right and pattern[first : first + len(left)] == left:
            yield len(left), len(right)


def is_typo(word: str, written: str, prose: Collection[str]) -> bool:
    """Whether `written` is `word` with one letter wrong, missing, doubled or out of place, and no word of its own."""
    if len(word) < LEAST_TYPO or word[0] != written[0] or written in prose or abs(len(word) - len(written)) > 1:
        return False
    if not _LETTERS.fullmatch(written):
        return False
    begin = 0
    while begin < min(len(word), len(written)) and word[begin] == written[begin]:
        begin += 1
    left, right = word[begin:], written[begin:]
    if left[:2] == right[1::-1] and left[2:] == right[2:]:
        return True
    return left[1:] == right or left == right[1:] or left[1:] == right[1:]
