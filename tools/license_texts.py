"""Make `pkgintel/licenses/texts/library.json.xz` again from its sources. Run by hand when one of them changes.

    python tools/license_texts.py --xml DIR --lists DIR --scancode DIR

    --xml       a work tree of github.com/spdx/license-list-XML: texts, headers, exceptions and what may differ in them
    --lists     a directory with licenses.json and exceptions.json of the SPDX list (the `reuse` package has them)
    --scancode  licensedcode/data of ScanCode Toolkit (`scancode-toolkit-mini`), with `saneyaml` beside it

ScanCode is needed here alone. Of its data the file holds fingerprints of reviewed notices and of closed texts, and
which words license prose is made of; no text. Needs `saneyaml` and the packages of pkgintel.
"""

import argparse
import json
import lzma
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import saneyaml

sys.path.insert(0, str(Path(__file__).parent.parent))

from pkgintel.licenses.meaning import Reader
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.texts import library
from pkgintel.licenses.texts.names import PARTIES, Prose
from pkgintel.licenses.texts.template import SAMPLE
from pkgintel.licenses.texts.words import passage
from tools.fingerprints import RESTRICTIVE, Fingerprints
from tools.named import NAMED
from tools.wordings import HEADERS, normal, wordings

TAG = re.compile(r"\{[^}]*\}")
PLACE = re.compile(
    r"(?<!\{~ )\b(copyright (?:\(c\) )?(?:year|yyyy|\d\dyy|=\d+)"
    r"(?: (?:year|yyyy|name|of|author|copyright|owner|holders?|=\d+))*)(?= |$)"
)
SCHEME = re.compile(r"<?https?:\s*$")
ANCHOR = re.compile(r"\]\(#[\w-]{1,80}\)")  # behind the words of a Markdown link, which the reader takes away as well
LEAST_USES = 3  # texts that write a word in lower case before it counts as prose
MOST_USES = 600  # of a word that may be part of a name
LEAST_SHARE = 0.1  # of a word's uses that are in lower case


class Marks:
    """The line of a template while it is written."""

    def __init__(self) -> None:
        self.marks: list[str] = []
        self.slots: list[list[str]] = []

    def write(self, text: str | None) -> None:
        self.marks += passage(ANCHOR.sub("]", SCHEME.sub("", text or ""))).words  # The rest of that address is a slot.

    def slot(self, texts: list[str]) -> None:
        self.marks.append(f"={len(self.slots)}")
        self.slots.append(texts)

    def line(self) -> str:
        line = " ".join(self.marks)
        while re.search(r"(?:^| )\{~? \}", line):  # A part without words is none.
            line = re.sub(r"(?:^| )\{~? \}", "", line)
        return PLACE.sub(r"{~ \1 }", line).strip()


def name_of(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def write(element: ElementTree.Element, marks: Marks) -> None:
    """An element of the XML and all within, without what follows it."""
    kind = name_of(element)
    if kind == "bullet":
        marks.marks.append("^")
        return
    if kind == "alt":
        original = " ".join("".join(element.itertext()).split())
        if element.get("name") == "philicenses":  # A part of an address, which is compared by its host.
            marks.marks += [] if marks.marks[-1:] == ["url:gnu.org"] else ["url:gnu.org"]
            return
        marks.slot(wordings(element.get("match", ""), original))
        return
    opening = {"optional": "{", "titleText": "{~", "copyrightText": "{~"}.get(kind)
    if opening is None and kind == "p" and is_notice_paragraph(element):
        opening = "{~"
    if opening:
        marks.marks.append(opening)
    marks.write(element.text)
    for child in element:
        write(child, marks)
        if not (child.tail or "").startswith("/why-not-lgpl"):
            marks.write(child.tail)
        else:
            marks.write((child.tail or "").partition(">")[2])
    if opening:
        marks.marks.append("}")


def is_notice_paragraph(element: ElementTree.Element) -> bool:
    words = passage("".join(element.itertext())).words
    return words[:1] == ["copyright"] and (len(words) < 12 or (words[1:2] == ["(c)"] and len(words) < 30))


def templates(folder: Path, deprecated: Callable[[str], bool]) -> Iterator[tuple[str, str, str, Marks]]:
    """(license id, kind, title, line) of every text and header of the list."""
    for file in sorted(folder.glob("*.xml")) + sorted((folder / "exceptions").glob("*.xml")):
        root = ElementTree.parse(file).getroot()[0]
        name = root.get("licenseId", "")
        title = " ".join(passage(f"{root.get('name', '')} {name}").words)
        for element in root.iter():
            kind = {"text": "text", "standardLicenseHeader": "header"}.get(name_of(element))
            if kind == "text" and name.endswith("-or-later"):
                continue  # Its text is that of the -only license, which stands for both.
            if kind and (name in KEPT or not deprecated(name)):
                marks = Marks()
                write(element, marks)
                for part in element.iter():
                    if name_of(part) == "titleText":
                        title += " " + " ".join(passage("".join(part.itertext())).words)
                yield name, "exception" if name_of(root) == "exception" else kind, title, marks
    for name, title, text in HEADERS:
        marks = Marks()
        for place, part in enumerate(re.split(r"(\{\{|\}\}|<[^<>]*>)", text)):
            if place % 2 == 0:
                marks.write(part)
            elif part in {"{{", "}}"}:
                marks.marks.append(part[0])
            else:
                marks.slot([normal(wording) for wording in part[1:-1].split("|")])
        yield name, "header", " ".join(passage(title).words), marks


# Deprecated ids whose text no other id has.
KEPT = frozenset({"GPL-1.0", "GFDL-1.1", "GFDL-1.2", "GFDL-1.3", "eCos-2.0", "Nunit"})


def merged(folder: Path, deprecated: Callable[[str], bool]) -> list[list[Any]]:
    """The templates, equal ones as one, in the order of `Template`'s arguments."""
    found: dict[tuple[str, str], list[Any]] = {}
    for name, kind, title, marks in templates(folder, deprecated):
        line = marks.line()
        if len(line.split()) < SAMPLE:
            continue
        key = (line, json.dumps(marks.slots))
        row = found.setdefault(key, [[], kind, "", line, marks.slots])
        row[0].append(name)
        if kind == "text" and name.endswith("-only"):
            row[0].append(name.removesuffix("only") + "or-later")
        row[0].sort(key=lambda each: (len(each), each))
        row[2] = " ".join(sorted({*row[2].split(), *title.split()}))
    return list(found.values())


def scancode(folder: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """(front matter, text) of every license and rule of ScanCode, in whatever language."""
    for file in sorted([*folder.glob("licenses/*.LICENSE"), *folder.glob("rules/*.RULE")]):
        _, matter, text = re.split(r"^---\s*$", file.read_text(encoding="utf-8"), maxsplit=2, flags=re.MULTILINE)
        facts = saneyaml.load(matter) or {}
        if not facts.get("is_false_positive") and not facts.get("is_deprecated"):
            yield facts, text.replace("{{", "").replace("}}", "")


def prose_of(texts: list[str]) -> frozenset[str]:
    """The words that license prose is made of, in LEAST_USES texts or more.

    A word counts where it is written in lower case; one that nearly always has a capital, as Microsoft has, is a name.
    """
    small: Counter[str] = Counter()
    capital: Counter[str] = Counter()
    for text in texts:
        found = passage(text)
        for uses, form in ((small, str.islower), (capital, str.istitle)):
            uses.update(
                {word for index, word in enumerate(found.words) if word.isalpha() and form(found.written(index))}
            )
    return frozenset(
        word
        for word, count in small.items()
        if count >= LEAST_USES and len(word) > 1 and count >= LEAST_SHARE * (count + capital[word])
    )


def foreign(texts: list[str]) -> frozenset[str]:
    """The words of license prose in other languages: written in lower case there, and never with a capital."""
    small: set[str] = set()
    capital: set[str] = set()
    for text in texts:
        found = passage(text)
        for index, word in enumerate(found.words):
            if word.isalpha() and len(word) > 2:
                written = found.written(index)
                (small if written.islower() else capital if written.istitle() else set()).add(word)
    return frozenset(small - capital) - PARTIES


def nameable(entries: list[tuple[dict[str, Any], str]], words: frozenset[str]) -> frozenset[str]:
    """The words of prose that may be part of a holder's name: those of NAMED that licenses seldom use.

    A word that is more frequent in closed texts than elsewhere is none of them.
    """
    uses: Counter[str] = Counter()
    closed: Counter[str] = Counter()
    for facts, text in entries:
        told = passage(text)
        small = {word for index, word in enumerate(told.words) if word in words and told.written(index).islower()}
        uses.update(small)
        if facts.get("category") in RESTRICTIVE:
            closed.update(small)
    return frozenset(
        word
        for word, count in uses.items()
        if count < MOST_USES
        and word in NAMED
        and (closed[word] <= 15 or (closed[word] < 60 and closed[word] < 0.35 * count))
    )


def main() -> None:
    """Write the file, and say what it holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("--xml", "--lists", "--scancode"):
        parser.add_argument(option, type=Path, required=True)
    options = parser.parse_args()
    license_list = LicenseList.parse(
        (options.lists / "licenses.json").read_bytes(), (options.lists / "exceptions.json").read_bytes()
    )
    gone = {item.license_id for item in license_list.licenses.values() if item.is_deprecated}
    rows = merged(options.xml / "src", gone.__contains__)
    everything = list(scancode(options.scancode))
    entries = [entry for entry in everything if entry[0].get("language", "en") == "en"]
    words = prose_of([text for _, text in entries])
    free = nameable(entries, words)
    words |= foreign([text for facts, text in everything if facts.get("language", "en") != "en"])
    prints = Fingerprints(entries, rows, Prose(words, free), Reader(license_list)).found()
    commit = subprocess.run(
        ["git", "-C", options.xml, "rev-parse", "HEAD"], check=False, capture_output=True, text=True
    ).stdout.strip()
    content = {
        "about": {
            "list": license_list.version,
            "texts": f"SPDX license-list-XML {commit}".strip(),
            "prints": "ScanCode LicenseDB, (c) nexB Inc. and others, CC-BY-4.0",
        },
        "licenses": [
            [item.license_id, item.is_osi_approved, item.is_fsf_libre, item.is_deprecated]
            for item in license_list.licenses.values()
        ],
        "exceptions": [[item.exception_id, item.is_deprecated] for item in license_list.exceptions.values()],
        "templates": rows,
        "prose": " ".join(sorted(words)),
        "nameable": " ".join(sorted(free)),
        "prints": dict(sorted(prints.items())),
    }
    packed = lzma.compress(json.dumps(content, separators=(",", ":")).encode(), preset=9 | lzma.PRESET_EXTREME)
    library.FILE.write_bytes(packed)
    print(
        f"{len(rows):,} templates, {len(words):,} words of prose, {len(prints):,} fingerprints, {len(packed):,} bytes"
    )


if __name__ == "__main__":
    main()
