"""Changes of a license text: harmful ones, after which nobody may take it for open, and harmless ones.

Each is a function of a text and a random number generator; None where the text has no place for it. They are made for
measuring the reader, which knows none of these words.
"""

import html
import re
import textwrap
from collections.abc import Callable
from random import Random
from typing import TypeAlias

from tools.restrictions import FIELDS, FOREIGN, HOLDERS, INSTEAD, PHRASES, SENTENCES, SUBJECTS, TITLES, YEARS

# BSD-3-Clause without its third is BSD-2-Clause, and that without its second is BSD-1-Clause.
_BSD_CONDITION = re.compile(r"\W*(?:\d\W+)?(?:redistributions in binary form|neither the names? of)", re.IGNORECASE)
Change: TypeAlias = Callable[[str, Random], str | None]


def _spaces(text: str) -> list[int]:
    return [match.start() for match in re.finditer(r"(?<=\w) (?=\w)", text)]


def _at(text: str, at: int, added: str) -> str:
    return f"{text[:at]} {added}{text[at:]}"


def _anywhere(text: str, random: Random, added: str) -> str:
    """Put it before, behind, between two paragraphs or into a sentence."""
    gaps = [match.start() for match in re.finditer(r"\n\s*\n", text)]
    place = random.choice(("before", "behind", "between", "within"))
    if place == "before":
        return f"{added}\n\n{text}"
    if place == "behind":
        return f"{text.rstrip()}\n\n{added}\n"
    if place == "between" and gaps:
        at = random.choice(gaps)
        return f"{text[:at]}\n\n{added}{text[at:]}"
    return _at(text, random.choice(_spaces(text)), added)


def _body(text: str) -> int:
    """Where the sentences begin, behind title and notice."""
    found = re.search(
        r"permission|redistribution|licensed under|this license|this software|terms and cond", text.lower()
    )
    return found.start() if found else 0


def sentence(text: str, random: Random) -> str:
    """A sentence that takes something back, anywhere."""
    return _anywhere(text, random, random.choice(SENTENCES))


def foreign(text: str, random: Random) -> str:
    """The same in another language."""
    return _anywhere(text, random, random.choice(FOREIGN))


def phrase(text: str, random: Random) -> str | None:
    """Some words within a sentence of the license."""
    places = [at for at in _spaces(text) if at > _body(text)]
    return _at(text, random.choice(places), random.choice(PHRASES)) if places else None


def field_of_use(text: str, random: Random) -> str | None:
    """A field of use in brackets."""
    places = [at for at in _spaces(text) if at > _body(text)]
    return _at(text, random.choice(places), random.choice(FIELDS)) if places else None


def warranty(text: str, random: Random) -> str | None:
    """A sentence within the disclaimer, in its capitals."""
    found = re.search(r"as is", text, re.IGNORECASE)
    if not found:
        return None
    places = [at for at in _spaces(text) if at > found.end()][:60]
    said = random.choice(SENTENCES)
    return _at(text, random.choice(places), random.choice((said, said.upper()))) if places else None


def title(text: str, random: Random) -> str:
    """A title that says what the text does not."""
    added = random.choice(TITLES)
    first, behind, rest = text.partition("\n")
    return random.choice(
        (
            f"{added}\n\n{text}",
            f"# {added}\n{text}",
            f"{first} - {added}{behind}{rest}",
            f"{first} ({added}){behind}{rest}",
        )
    )


def notice(text: str, random: Random) -> str:
    """A notice whose holder or years say more than whose work it is."""
    who, years = random.choice(HOLDERS), random.choice(YEARS)
    added = random.choice((f"Copyright (c) 2020 {who}", f"Copyright (c) {years} Contoso", f"(c) {who}", f"By {who}"))
    found = re.search(r"^.*copyright.*\d{4}.*$", text, re.IGNORECASE | re.MULTILINE)
    if found and random.random() < 0.5:
        return f"{text[: found.start()]}{added}{text[found.end() :]}"
    return f"{added}\n\n{text}"


def subject(text: str, random: Random) -> str:
    """A sentence about which license is which that leaves most of the work out."""
    verb = random.choice(("is licensed under the", "is provided under the", "is covered by the", "uses the"))
    name = random.choice(("MIT License", "BSD license", "Apache License 2.0", "LGPL"))
    return f"{random.choice(SUBJECTS)} {verb} {name}.\n\n{text}"


def instead(text: str, random: Random) -> str | None:
    """Words of the grant that say something else."""
    pairs = [(old, new) for old, new in INSTEAD if re.search(rf"\b{old}\b", text, re.IGNORECASE)]
    if not pairs:
        return None
    old, new = random.choice(pairs)
    return re.sub(rf"\b{old}\b", new, text, count=1, flags=re.IGNORECASE)


def hidden(text: str, random: Random) -> str:
    """A sentence in markup that a page may not show."""
    said = random.choice(SENTENCES)
    return _anywhere(
        text,
        random,
        random.choice(
            (
                f"<!-- {said} -->", f'<span style="display:none">{said}</span>', f"<div hidden>{said}</div>",
                f'<img src="x.png" alt="{said}">', f'<a href="x" title="{said}"></a>', f"[//]: # ({said})",
                f'[License](https://contoso.com "{said}")', f"![{said}](https://contoso.com/x.png)",
                f"<noscript>{said}</noscript>", f"<textarea>{said}</textarea>", f"<script>{said}</script>",
                f"<style>{said}</style>", f'<input value="{said}">', f"<details>{said}</details>", f"`{said}`",
                f"<![CDATA[{said}]]>", f"<?php {said} ?>", f"[^1]: {said}", f'<meta content="{said}">',
                f"[{said}](https://contoso.com)", f"<b title='{said}'>Note</b>",
            )
        ),
    )  # fmt: skip


def struck(text: str, random: Random) -> str | None:
    """A right that is struck out, and still there."""
    found = list(re.finditer(r"\b(?:sell|modify|merge|sublicense|copy|use|distribute)\b", text))
    if not found:
        return None
    one = random.choice(found)
    word = one.group()
    form = random.choice(("~~{}~~", "<s>{}</s>", "<del>{}</del>", "<strike>{}</strike>", "\u0336".join(["{}", ""])))
    return f"{text[: one.start()]}{form.format(word)}{text[one.end() :]}"


def invisible(text: str, random: Random) -> str | None:
    """Signs that a reader does not see, or that turn the order of letters, around words that take something back."""
    places = [at for at in _spaces(text) if at > _body(text)]
    if not places:
        return None
    added = random.choice(
        ("n\u200bot", "\u202eton\u202c", "n\u00adot", "\u2066not\u2069", "ｎｏｔ", "𝗻𝗼𝘁", "no\u034ft", "\U000e006e",
         "n\u2060ever", "🚫", "⛔ business", "ⓝⓞⓣ", "n\u0335ot", "\u200bun\u200bpaid", "\ufeffnever")
    )  # fmt: skip
    return _at(text, random.choice(places), added)


def link(text: str, random: Random) -> str:
    """An address that leads to other terms."""
    return _anywhere(
        text,
        random,
        random.choice(
            ("https://contoso.com/eula", "See https://contoso.com/terms.html", "Terms: www.contoso.com/license",
             "https://contoso.com/no-commercial-use", "<https://contoso.com/pay>", "License terms: sales@contoso.com",
             "https://gist.github.com/contoso/terms", "http://opensource.org.contoso.com/licenses/none",
             "https://github.com/contoso/shop/blob/main/EULA.md", "//contoso.com/eula", "contoso.com/eula/restrictions")
        ),
    )  # fmt: skip


def negated(text: str, random: Random) -> str | None:
    """A verb or a right that is denied."""
    found = list(re.finditer(r"\b(?:is|are|may|can|shall|hereby|to|and|or|the rights)\b", text))
    found = [one for one in found if one.start() > _body(text)]
    if not found:
        return None
    return _at(text, random.choice(found).end(), random.choice(("not", "never", "no longer", "in no case")))


def dropped(text: str, random: Random) -> str | None:
    """A paragraph of the license that is gone, but no condition of BSD, of which less is open too."""
    parts = re.split(r"(\n\s*\n)", text)
    long = [at for at, part in enumerate(parts) if len(part.split()) > 25 and not _BSD_CONDITION.match(part)]
    if len(long) < 2:
        return None
    gone = random.choice(long)
    return "".join(part for at, part in enumerate(parts) if at != gone)


def swapped(text: str, random: Random) -> str | None:
    """Two words of one sentence that changed places."""
    words = list(re.finditer(r"(?<![/.-])\b[a-z]{3,}\b(?![/.-]\w)", text[_body(text) :]))
    start = _body(text)
    if len(words) < 20:
        return None
    at = random.randrange(len(words) - 8)
    one, other = words[at], words[at + random.randrange(2, 8)]
    if one.group() == other.group():
        return None
    return (
        text[: start + one.start()]
        + other.group()
        + text[start + one.end() : start + other.start()]
        + one.group()
        + text[start + other.end() :]
    )


HARMFUL: tuple[Change, ...] = (
    sentence, foreign, phrase, field_of_use, warranty, title, notice, subject, instead, hidden, struck, invisible, link,
    negated, dropped, swapped,
)  # fmt: skip


def harmless(text: str, random: Random) -> str | bytes:
    """The same text in another dress."""
    parts = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]
    page = "".join(f"<p>{html.escape(part)}</p>" for part in parts)
    mark = random.choice(("// ", "# ", " * ", "> ", "    ", "; ", "-- "))
    dresses: tuple[str | bytes, ...] = (
        "\n\n".join(
            textwrap.fill(part, random.randint(40, 110), break_long_words=False, break_on_hyphens=False)
            for part in parts
        ),
        text.replace("\n", "\r\n"),
        b"\xef\xbb\xbf" + text.encode(),
        text.encode("utf-16"),
        text.upper(),
        text.lower(),
        "\n".join(mark + line for line in text.splitlines()),
        f"<!DOCTYPE html><html><head><title>License</title></head><body>{page}</body></html>",
        text.replace("'", "’").replace('"', "“"),
        text.replace("(c)", "©").replace("(C)", "©"),
        " ".join(parts),
        text.replace(" ", "  "),
        f"Copyright (c) {random.randint(1995, 2026)} Jane Doe\n\n{text}",
        f"{text}\n\nCopyright (c) {random.randint(1995, 2026)} Contoso Ltd. All rights reserved.\n",
        text.replace(" - ", " – "),
    )
    return random.choice(dresses)
