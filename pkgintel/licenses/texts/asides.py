"""What may stand beside the words of a license without changing them, each kind recognised as a whole.

Copyright notices, the license's own title, the number of a clause, the pages where licenses are published, and the
sentences of `sentences.txt` that say which license is which. Everything else that a text has and its license has not
is a difference.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import cache, cached_property
from pathlib import Path

from pkgintel.licenses.texts.library import license_list
from pkgintel.licenses.texts.names import PARTIES, Prose, is_name, is_on_code_host
from pkgintel.licenses.texts.notices import is_notice, opening
from pkgintel.licenses.texts.words import MAIL, URL, Passage, word_set

SENTENCES = Path(__file__).with_name("sentences.txt")
MOST_NOTICE = 120  # words of notices that follow one another
MOST_TITLE = 16
MOST_PRODUCT = 5  # words in the name of a product before the license
MOST_PRODUCT_LINE = 8  # words on its line

_BULLET = re.compile(r"\d{1,3}|[a-z]|x{0,3}(?:ix|iv|v?i{0,3})|\(c\)")
_STEWARDS = re.compile(
    r"url:(?:opensource\.org|spdx\.org|gnu\.org|fsf\.org|apache\.org|mozilla\.org|choosealicense\.com|mit-license\.org|"
    r"creativecommons\.org|unlicense\.org|eclipse\.org|en\.wikipedia\.org|microsoft\.com/opensource|"
    r"licenses\.nuget\.org|scripts\.sil\.org|boost\.org)(?:/[\w./#-]*)?",
    re.ASCII,  # No letter of another alphabet.
)
_PAGE_WORDS = word_set(
    """
    license licenses licence licences html htm txt php legalcode wiki publicdomain zero copyleft en us osi opensource
    mit bsd gpl lgpl agpl index web ofl software
    """
)
_FILE_NAME = word_set("license licence md txt")
_TITLE = word_set(
    """
    the license licence licensed licensing under terms of and a agreement version v text full file is this template
    software project product code released distributed available is as follows copyright information details
    """
)
_LICENSE_WORDS = word_set(
    """
    the mit x11 expat bsd new simplified revised modified clause two three 2 3 apache apache2 asl software
    foundation clause license licence version v 2.0 0 1 gnu lesser library general public affero gpl lgpl agpl gplv2
    gplv3 lgplv2 lgplv3 mpl mozilla microsoft ms pl reciprocal rl isc zlib boost bsl unlicense eclipse epl cc0
    creative commons postgresql public-domain openssl artistic python psf 21 v2 v3 v1 style
    """
)


class Asides:
    """The asides of one passage: `ends` says where one that begins at a word may end."""

    def __init__(self, passage: Passage, prose: Prose) -> None:
        self._passage = passage
        self._prose = prose
        self._names: dict[tuple[int, int, bool], bool] = {}  # Every license that is laid on the passage asks the same.
        self._sentences_at: dict[tuple[int, bool], tuple[int, ...]] = {}

    def is_name(self, start: int, end: int, opens: bool = False) -> bool:
        """Whether the words are a name, or a list of names; `opens`: where one may open a sentence."""
        key = (start, end, opens)
        known = self._names.get(key)
        if known is None:
            known = self._names[key] = is_name(self._passage, start, end, self._prose, opens)
        return known

    def ends(
        self, start: int, end: int, title: Collection[str], numbered: bool = False, behind: bool = False
    ) -> Iterator[int]:
        """Where an aside from `start` on may end, at `end` at the latest, the longest first.

        `title` has the words of the license's names; `numbered` says that the license has a bullet here, `behind` that
        another aside ends here, so that a sentence may begin without a sign, unless it begins with a name.
        """
        words = self._passage.words
        fresh = self._is_fresh(start)
        if opening(words, start, end) > start:
            for last in range(min(end, start + MOST_NOTICE), start, -1):
                if is_notice(self._passage, start, last, self._prose):
                    yield last
        if fresh or behind:
            yield from (last for last in self._sentences(start, fresh) if last <= end)
            last = start
            while last < min(end, start + MOST_TITLE) and (words[last] in title or words[last] in _TITLE):
                last += 1
            while last > start and any(word in title for word in words[start:last]):
                yield last
                last -= 1
        if _is_license_page(words[start]):
            yield start + 1
        if (numbered or fresh) and _BULLET.fullmatch(words[start]):
            yield start + 1

    def product_ends(self, start: int, end: int) -> Iterator[int]:
        """Where the name of a product may end: with its line, with its page below, or before a notice on its line."""
        passage, last = self._passage, start + 1
        while last < end and passage.lines[last] == passage.lines[start] and last - start <= MOST_PRODUCT_LINE:
            if opening(passage.words, last, end) > last and self._is_product(start, last):
                yield last
            last += 1
        if last - start <= MOST_PRODUCT_LINE and self._is_product(start, last):
            if self._is_page(last, end):
                yield last + 1
            yield last

    def _is_page(self, index: int, end: int) -> bool:
        """Whether a line is the address of a project or of a person, and nothing else."""
        lines = self._passage.lines
        alone = index < end and (index + 1 == end or lines[index + 1] != lines[index])
        return alone and self._passage.words[index].startswith(URL) and self.is_name(index, index + 1)

    def _is_product(self, start: int, end: int) -> bool:
        """Whether the words are the name of a product, or of the file: "Json.NET Schema", "License".

        A word that nobody knows may be any word of another language, unless what it names is said: Contoso Framework.
        """
        places = [index for index in range(start, end) if self._passage.words[index] not in _FILE_NAME]
        if not places:
            return True
        words = [self._passage.words[index] for index in places]
        written = self._passage.shown(start, end)
        plain = written.isascii() and not any(word.startswith((MAIL, URL)) for word in words) and "/" not in written
        if not plain or len(words) > MOST_PRODUCT or all(word in PARTIES for word in words):
            return False
        nameable = self._prose.nameable
        kinds = [at for at, word in zip(places, words, strict=True) if word in nameable and word not in PARTIES]
        known = all(at <= max(kinds, default=-1) or self._is_known(at) for at in places)
        return known and self.is_name(start, end)

    def _is_known(self, index: int) -> bool:
        """Whether a word is one of which names are made, or is written as only names are, or is there once more.

        So is the last part of an id, behind a part that is known by itself: Microsoft.VisualStudio.Threading.
        """
        passage = self._passage
        joined = passage.text[passage.ends[index] : passage.ends[index] + 2]
        if self._is_known_by_itself(index) or re.match(r"\.\w", joined) or self._times[passage.words[index]] > 1:
            return True
        between = passage.text[passage.ends[index - 1] : passage.starts[index]] if index else ""
        return between == "." and self._is_known_by_itself(index - 1)

    def _is_known_by_itself(self, index: int) -> bool:
        word, written = self._passage.words[index], self._passage.written(index)
        if word in PARTIES or word in self._prose.nameable or any(sign.isdigit() for sign in word):
            return True
        return written not in {written.lower(), written.upper(), written.title()}

    @cached_property
    def _times(self) -> Counter[str]:
        """How often the text has each word, notices included."""
        return Counter(re.findall(r"\w+", self._passage.text.lower()))

    def _is_fresh(self, index: int) -> bool:
        lines = self._passage.lines
        return index == 0 or lines[index - 1] != lines[index] or self._sentence_ends(index)

    def _sentence_ends(self, index: int) -> bool:
        between = self._passage.text[self._passage.ends[index - 1] : self._passage.starts[index]]
        return any(sign in between for sign in ".:;!?")

    def _sentences(self, start: int, named: bool) -> tuple[int, ...]:
        """Where the sentences that begin at `start` may end; `named`: those that begin with a name too."""
        if (start, named) not in self._sentences_at:
            known = _sentences_by_first()
            begun = (*known.get(self._passage.words[start], ()), *(known["*"] if named else ()))
            ends = (last for one in begun for last in self._sentence(one, 0, start, len(self._passage)))
            self._sentences_at[start, named] = tuple(ends)
        return self._sentences_at[start, named]

    def _sentence(self, sentence: tuple[str, ...], at: int, index: int, end: int) -> Iterator[int]:
        """Where a sentence may end whose words from `at` on begin at `index`."""
        words = self._passage.words
        while at < len(sentence) and index < end and sentence[at] == words[index]:
            at, index = at + 1, index + 1
        if at == len(sentence):
            yield index
        elif index < end and sentence[at] in "*/@%":
            for last in self._slot_ends(sentence[at], index, end):
                yield from self._sentence(sentence, at + 1, last, end)

    def _slot_ends(self, kind: str, start: int, end: int) -> Iterator[int]:
        passage, last = self._passage, start + 1
        if kind == "%":
            if _is_license_page(passage.words[start]):
                yield last
            return
        if kind == "/":
            while last < end and not re.search(r"\s", passage.text[passage.ends[last - 1] : passage.starts[last]]):
                last += 1
            written = passage.text[passage.starts[start] : passage.ends[last - 1]]
            if is_on_code_host(passage.words[start]) or ("/" in written and "//" not in written):
                yield last
            return
        most = min(end, start + 10)
        while last <= most and (
            self.is_name(start, last) if kind == "*" else passage.words[last - 1] in _LICENSE_WORDS
        ):
            yield last
            last += 1


@cache
def _is_license_page(word: str) -> bool:
    """Whether a word is the address of a steward, or of its page of a license that somebody approved."""
    if not _STEWARDS.fullmatch(word):
        return False
    path = word.partition("/")[2]
    return all(part.isdigit() or part in _page_words() for part in re.split("[^a-z0-9]+", path) if part)


@cache
def _page_words() -> frozenset[str]:
    """The words of which the addresses of such pages are made: those in the ids of approved licenses, and some more."""
    licenses = license_list().licenses.values()
    ids = " ".join(one.license_id.lower() for one in licenses if one.is_osi_approved or one.is_fsf_libre)
    return _PAGE_WORDS | frozenset(re.split("[^a-z0-9]+", ids))


@cache
def _sentences_by_first() -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {"*": []}
    for line in SENTENCES.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            words = tuple(line.split())
            found.setdefault(words[0], []).append(words)
    return found
