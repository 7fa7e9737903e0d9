"""Copyright notices: "Copyright (c) 2020 Contoso", "All rights reserved", "Written by Jane Doe".

A notice that says anything beyond whose work it is, is none: its words stay in the text, and differ from the license.
"""

from collections.abc import Sequence

from pkgintel.licenses.texts.names import Prose, is_name
from pkgintel.licenses.texts.words import COPYRIGHT, Passage

_OPENING = frozenset({"copyright", "copyrights", "copyrighted", "copr", COPYRIGHT})
_ASIDE = _OPENING | {"portions", "parts", "all"}
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
    """The passage without the lines that are copyright notices and nothing else.

    Lines such as "developed by Contoso" stay: in some licenses they are part of an acknowledgement that is due.
    """
    gone = [False] * len(passage)
    for start, end in passage.by_line():
        if end - start <= 40 and passage.words[start] in _ASIDE and is_notice(passage, start, end, prose):
            gone[start:end] = [True] * (end - start)
    return passage.without(gone) if any(gone) else passage
