"""Texts that must never read as a license: open ones with a clause that takes something back. Made, not kept.

A reader that recognises one of them is wrong, whatever else it reads well, so it decides nothing (see the gate of the
texts).
"""

from collections.abc import Iterator
from functools import cache

from pkgintel.licenses.texts.library import library
from pkgintel.licenses.texts.reading import read
from pkgintel.licenses.texts.template import NAME

LICENSES = ("MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "Apache-2.0")
CLAUSES = (
    "You may not offer the software to others as a hosted service.",
    "Use by companies with more than ten employees ends after thirty days.",
    "The software is for students of the university.",
)
NOTICE = "Copyright (c) 2015 Jane Doe"


def texts() -> Iterator[bytes]:
    """Each license with each clause: before it, within it, behind it, and in the line of its notice."""
    for license_id in LICENSES:
        words = plain(license_id).split()
        for clause in CLAUSES:
            for at in (0, len(words) // 3, 2 * len(words) // 3, len(words)):
                yield " ".join([NOTICE, "\n\n", *words[:at], clause, *words[at:]]).encode()
            yield f"{NOTICE}. {clause}\n\n{' '.join(words)}".encode()


def plain(license_id: str) -> str:
    """The words of a license that SPDX lists, with a name where it has a place for one.

    Raises: StopIteration when it is not in the library.
    """
    template = next(one for one in library().templates if one.kind == "text" and license_id in one.licenses)
    start, end = template.body
    words: list[str] = []
    for word in template.words[start:end]:
        wording = template.slots[word][0] if word in template.slots else (word,)
        words += ["Contoso" if one == NAME else one.replace("url:", "http://") for one in wording]
    return " ".join(words)


@cache
def recognised() -> int:
    """How many of them this installation's reader takes for a license; looked at once a process."""
    return sum(read(body).status == "matched" for body in texts())
