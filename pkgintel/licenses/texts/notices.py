"""Copyright notices: "Copyright (c) 2020 Contoso", "All rights reserved", "Written by Jane Doe".

A notice that says anything beyond whose work it is, is none: its words stay in the text, and differ from the license.
"""

import re
from collections.abc import Sequence

from pkgintel.licenses.texts.names import Prose, is_name
from pkgintel.licenses.texts.words import COPYRIGHT, Passage

MOST_SIGNED = 40  # words of a notice that is known by its sign
MOST_LINES = 4  # of such a notice
MOST_SIGNS = 40  # words that may open such a notice, in one text
MOST_MISSED = 4  # words after which a notice is not looked for any longer
_YEAR = re.compile(r"(?:19|20)\d\d")
_OPENING = frozenset({"copyright", "copyrights", "copyrighted", "copr", COPYRIGHT})
_ASIDE = _OPENING | {"portions", "parts", "all"}
_SIGNED = _ASIDE - {"copyrighted"}  # "This file is copyrighted by" is a sentence.
_MAKERS = frozenset({"author", "authors", "maintainer", "maintainers", "contributors"})
_MADE = frozenset({"written", "created", "maintained", "developed", "made", "designed", "contributed"})


def is_notice(passage: Passage, start: int, end: int, prose: Prose) -> bool:
    """Whether the words are copyright notices: "Copyright (c) 2020 Contoso", "All rights reserved", "by Jane Doe".

    Several notices follow one another, each with its own sign; the names of one are bounded by MOST_WORDS.
    """
    first = start
    while first < end:
        head = opening(passage.words, first, end)
        if head == first:
            return False
        last = head
        while last < end and not _begins(passage.words, last, end):
            last += 1
        if not is_name(passage, head, last, prose):
            return False
        first = last
    return start < end


def opening(words: Sequence[str], start: int, end: int) -> int:
    """The word behind a notice's opening, or `start` where none opens."""
    index = start + 1 if words[start] in {"portions", "parts"} else start
    index += words[index : index + 1] == ["of"] and index > start
    if words[index : min(end, index + 3)] == ["all", "rights", "reserved"]:
        return index + 3
    first = index
    while index < end and words[index] in _OPENING:
        index += 1
    if index > first:
        return index
    if words[start] in _MAKERS:
        return start + 1
    return start + 2 if words[start] in _MADE and words[start + 1 : start + 2] == ["by"] else start


def _begins(words: Sequence[str], index: int, end: int) -> bool:
    """Whether a further notice opens here, after the words of the one before."""
    if words[index] in {"copyright", "copyrights", "copr"}:
        return words[index + 1 : index + 2] != ["holders"] and words[index - 1] != COPYRIGHT
    if words[index] == COPYRIGHT:
        return words[index - 1] not in {"copyright", "copyrights", COPYRIGHT}
    return words[index : min(end, index + 3)] == ["all", "rights", "reserved"]


def set_aside(passage: Passage, prose: Prose) -> Passage:
    """The passage without the lines that are copyright notices and nothing else, each with the lines it goes on in.

    Lines such as "developed by Contoso" stay: in some licenses they are part of an acknowledgement that is due.
    """
    gone = [False] * len(passage)
    lines = list(passage.by_line())
    for place, (start, end) in enumerate(lines):
        if end - start <= MOST_SIGNED and passage.words[start] in _ASIDE and is_notice(passage, start, end, prose):
            gone[start:end] = [True] * (end - start)
            for first, last in lines[place + 1 : place + MOST_LINES]:  # More names, or the holder's page.
                if passage.words[first] in _ASIDE or last - start > MOST_SIGNED:
                    break  # A line of its own, or too long a notice.
                if is_notice(passage, start, last, prose):
                    gone[start:last] = [True] * (last - start)
    return passage.without(gone) if any(gone) else passage


def without(passage: Passage, prose: Prose, short: bool) -> Passage:
    """The passage without its notices, whatever lines they stand in; each up to its first full stop if `short`.

    A notice without a line of its own has a sign, a year or all rights reserved: "copyright" alone is a word. At most
    MOST_SIGNS words are looked at, so a passage with more may keep some notices.
    """
    gone = [False] * len(passage)
    behind = 0
    for index in [at for at, word in enumerate(passage.words) if word in _SIGNED][:MOST_SIGNS]:
        if index >= behind:
            behind = _signed(passage, index, prose, short)
            gone[index:behind] = [True] * (behind - index)
    return passage.without(gone) if any(gone) else passage


def _signed(passage: Passage, start: int, prose: Prose, short: bool) -> int:
    """The word behind a notice that begins here: the longest, or the first with a full stop; `start` if none does."""
    words, found = passage.words, start
    for end in range(start + 2, min(len(passage), start + MOST_SIGNED) + 1):
        told = words[start:end]
        sign = COPYRIGHT in told or "reserved" in told or any(_YEAR.fullmatch(word) for word in told)
        if sign and is_notice(passage, start, end, prose):
            found = end
            if short and "." in passage.text[passage.ends[end - 1] : passage.starts[min(end, len(passage) - 1)]]:
                break
        elif end - max(found, start) > MOST_MISSED:
            break
    return found
