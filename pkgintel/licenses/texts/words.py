"""The normal form of a text: its words in lower case, each with its place in the text.

After the matching guidelines of SPDX (annex B of the specification): letter case, white space, quotes, dashes,
punctuation and comment marks are not compared. An address on the web or of a mailbox is one word. A sign that is
neither punctuation nor decoration is a word of its own, so that nothing a reader sees is passed over.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import accumulate, compress, repeat
from typing import overload

COPYRIGHT = "(c)"
URL = "url:"  # begins the word that an address is
MAIL = "mail:"

_PLAIN_WORD = r"\([cC]\)|[^\W_]+(?:['’´`‘ʼ][^\W_]+)*|\ufffd"
_WORD = re.compile(_PLAIN_WORD)
_WORD_OR_ADDRESS = re.compile(
    r"(?P<url>(?:(?i:https?://|ftp://|www\.))[^\s<>\"'()\[\]*|]{1,2000})"
    r"|(?P<mail>(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,8})"
    rf"|{_PLAIN_WORD}"
)
_ADDRESS_SIGN = re.compile(r"://|@|www\.", re.IGNORECASE)  # Every address has one.
_APOSTROPHE = re.compile("['’´`‘ʼ]")
_SCHEME = re.compile(r"^(?:https?://|ftp://)?(?:www\.)?", re.IGNORECASE)
_PAGE = re.compile(r"(?:/|\.(?:html?|txt|php|md)|[.,;:!?\\>}`_~-])+$", re.IGNORECASE)
_STRUCK = re.compile(r"(?<![~\w])~~(?=[^\s~])|(?<=[^\s~])~~(?![~\w])")  # what Markdown strikes out
_INVISIBLE: dict[int, str] = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff\ufe0e\ufe0f"), "")
_INVISIBLE |= dict.fromkeys(map(ord, "®™°"), " ")


@dataclass(frozen=True, slots=True)
class Passage(Sequence[str]):
    """The words of a text. `starts` and `ends` are offsets into `text`, `lines` the number of each word's line."""

    text: str
    words: list[str]
    starts: list[int]
    ends: list[int]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.words)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self.words[index]

    def shown(self, start: int, end: int, limit: int = 400) -> str:
        """The text as written from one word up to another, white space joined, cut to `limit` characters."""
        if start >= end:
            return ""
        text = " ".join(self.text[self.starts[start] : self.ends[end - 1]][: limit * 2].split())
        return text if len(text) <= limit else text[: limit - 1] + "…"

    def written(self, index: int) -> str:
        """One word as written."""
        return self.text[self.starts[index] : self.ends[index]]

    def without(self, gone: Sequence[bool]) -> "Passage":
        """The passage without the words marked."""
        kept = [not one for one in gone]
        return Passage(
            self.text,
            list(compress(self.words, kept)),
            list(compress(self.starts, kept)),
            list(compress(self.ends, kept)),
            list(compress(self.lines, kept)),
        )

    def by_line(self) -> Iterator[tuple[int, int]]:
        """(first word, word behind the last) of every line that has words."""
        start = 0
        for words in Counter(self.lines).values():
            yield start, start + words
            start += words


def passage(text: str) -> Passage:
    """The normal form of a text, in time linear in its length."""
    text = _plain(text)
    spans: list[tuple[int, int]] = []
    words: list[str] = []
    for begin, end, addressed in _stretches(text):
        more, of_these = (_with_addresses if addressed else _without_addresses)(text, begin, end)
        spans += more
        words += of_these
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    breaks = map(text.count, repeat("\n"), [0, *ends], starts)
    return Passage(text, words, starts, ends, list(accumulate(breaks)))


def _stretches(text: str) -> Iterator[tuple[int, int, bool]]:
    """(begin, end, whether it is a line that has an address) of the parts of a text."""
    begin = 0
    for sign in _ADDRESS_SIGN.finditer(text):
        if sign.start() >= begin:
            line = max(begin, text.rfind("\n", begin, sign.start()) + 1)
            behind = text.find("\n", sign.end())
            behind = len(text) if behind < 0 else behind
            yield begin, line, False
            yield line, behind, True
            begin = behind
    yield begin, len(text), False


def _without_addresses(text: str, begin: int, end: int) -> tuple[list[tuple[int, int]], list[str]]:
    """Where the words of a stretch of a text are, and their normal form."""
    spans = [match.span() for match in _WORD.finditer(text, begin, end)]
    stretch = text[begin:end]
    if stretch.isascii():  # Other letters may grow when they become small.
        low = stretch.lower()
        words = [low[start - begin : behind - begin] for start, behind in spans]
    else:
        words = [text[start:behind].lower() for start, behind in spans]
    return spans, [word if word.isalnum() else _joined(word) for word in words] if _APOSTROPHE.search(
        stretch
    ) else words


def _with_addresses(text: str, begin: int, end: int) -> tuple[list[tuple[int, int]], list[str]]:
    """The same where there may be addresses of the web and of mailboxes."""
    spans, words = [], []
    for match in _WORD_OR_ADDRESS.finditer(text, begin, end):
        start, behind = match.span()
        if match["url"]:
            word, behind = _address(match.group(), start)
        else:
            low = match.group().lower()
            word = MAIL + low if match["mail"] else low if low.isalnum() else _joined(low)
        spans.append((start, behind))
        words.append(word)
    return spans, words


def _joined(word: str) -> str:
    """A word without its apostrophes."""
    return _APOSTROPHE.sub("", word)


def word_set(text: str) -> frozenset[str]:
    """The words of a list written as one text."""
    return frozenset(text.split())


def digest(words: Sequence[str]) -> bytes:
    """The first 12 bytes of the SHA-256 of words joined by spaces."""
    return sha256(" ".join(words).encode("utf-8", "replace")).digest()[:12]


def is_mixed(word: str) -> bool:
    """Whether a word mixes Latin letters with those of another alphabet, as homoglyphs do."""
    if word.isascii():
        return False
    scripts = {_script(character) for character in word if character.isalpha()}
    return "LATIN" in scripts and len(scripts) > 1


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    return unicodedata.name(character, "UNKNOWN").split(" ")[0]


def _address(written: str, start: int) -> tuple[str, int]:
    kept = written.rstrip(".,;:!?\\}`_~")
    return URL + _PAGE.sub("", _SCHEME.sub("", kept.lower())), start + max(1, len(kept))


def _plain(text: str) -> str:
    """NFKC, one kind of line end, nothing invisible, `©` as `(c)`, `&` as `and`, odd signs as U+FFFD."""
    sign, also = ("(C)", " AND ") if text.isupper() else ("(c)", " and ")  # Capitals stay the only letters.
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").replace("©", sign).replace("&", also)
    text = _STRUCK.sub(" \ufffd ", text) if "~~" in text else text
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text.translate(_INVISIBLE))
    odd = {ord(character): " \ufffd " for character in set(text) if not character.isascii() and _is_odd(character)}
    return text.translate(odd) if odd else text


def _is_odd(character: str) -> bool:
    """Whether a sign may say something: no letter, digit, punctuation, space, box or arrow of a list."""
    if character == "\ufffd":
        return False
    if 0x0334 <= ord(character) <= 0x0338 or 0x20D0 <= ord(character) <= 0x20EA:
        return True  # It strikes out the letter before it.
    category = unicodedata.category(character)
    return not (category[0] in "LNPZ" or category in {"Mn", "Mc"} or 0x2190 <= ord(character) <= 0x25FF)
