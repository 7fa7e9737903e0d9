"""Digests of texts that a person reviewed: notices of open licenses, and closed texts."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from pkgintel.licenses.expression import MalformedExpression, parse
from pkgintel.licenses.meaning import Reader
from pkgintel.licenses.texts.decode import decode
from pkgintel.licenses.texts.names import Prose
from pkgintel.licenses.texts.notices import set_aside
from pkgintel.licenses.texts.template import SAMPLE, Template
from pkgintel.licenses.texts.words import digest, passage

Entry: TypeAlias = tuple[dict[str, Any], str]  # front matter and text of a license or rule of ScanCode

# ScanCode LicenseDB's categories of terms that withhold what open source grants.
RESTRICTIVE = frozenset({"Commercial", "Proprietary Free", "Source-available", "Free Restricted"})
# Clauses that withhold rights, each read by a person in the text of the license, with the day.
CLOSED = Path(__file__).with_name("closed_texts.csv")
LEAST_WORDS = 4  # of a notice that is known by its fingerprint
LEAST_CLOSED_WORDS = 20  # of a closed text
_KEY = re.compile(r"[\w.+-]+")


class Fingerprints:
    """The fingerprints of the entries of ScanCode, as the library's file has them."""

    def __init__(self, entries: list[Entry], rows: list[list[Any]], prose: Prose, reader: Reader) -> None:
        self._entries, self._prose, self._reader = entries, prose, reader
        self._keys = {facts["key"]: facts for facts, _ in entries if "key" in facts}
        self._own = {run for row in rows if row[1] != "header" for run in _required_runs(Template(*row))}
        self._clauses: dict[str, list[str]] = {}
        with CLOSED.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                self._clauses.setdefault(row["expression"], []).append(" ".join(passage(row["quote"]).words))

    def found(self) -> dict[str, list[Any]]:
        """Digest of a text's words → (expression, whether two witnesses call it closed)."""
        found: dict[str, list[Any]] = {}
        for facts, text in self._entries:
            words = set_aside(passage(decode(text.encode()).text), self._prose).words
            expression = self._expression(facts)
            if self._is_closed_text(facts, words):
                # Two witnesses: the category of ScanCode, and a clause that a person read in the text.
                whole = " ".join(words)
                found[digest(words).hex()] = [
                    expression,
                    any(one in whole for one in self._clauses.get(expression, ())),
                ]
            elif self._is_open_notice(facts, words, expression):
                found.setdefault(digest(words).hex(), [expression])
        return found

    def _is_closed_text(self, facts: dict[str, Any], words: list[str]) -> bool:
        names = _KEY.findall(facts.get("license_expression") or facts["key"])
        categories = {self._keys[name].get("category") for name in names if name in self._keys}
        whole = "key" in facts or facts.get("is_license_text")
        return bool(whole) and len(categories) == 1 and categories <= RESTRICTIVE and len(words) >= LEAST_CLOSED_WORDS

    def _is_open_notice(self, facts: dict[str, Any], words: list[str], expression: str) -> bool:
        """Whether it is a reviewed notice, and shares no run of words with a license's own text.

        What differs in a license's own words is looked at word by word, and nobody's review stands for that.
        """
        if "key" in facts or facts.get("is_license_text") or float(facts.get("relevance") or 100) < 100:
            return False
        if len(words) < LEAST_WORDS or any(" ".join(words[at : at + SAMPLE]) in self._own for at in range(len(words))):
            return False
        try:
            return self._reader.meaning(parse(expression)) == "open"
        except MalformedExpression:
            return False

    def _expression(self, facts: dict[str, Any]) -> str:
        """The SPDX expression of an entry."""
        names = facts.get("license_expression") or facts["key"]
        return _KEY.sub(lambda match: self._spdx(match.group()), names)

    def _spdx(self, key: str) -> str:
        if key.upper() in {"AND", "OR", "WITH"}:
            return key.upper()
        return str(self._keys.get(key, {}).get("spdx_license_key") or f"LicenseRef-scancode-{key}")


def _required_runs(template: Template) -> Iterator[str]:
    """Every run of SAMPLE words that must stand in a license."""
    for at in range(len(template.words) - SAMPLE + 1):
        if all(index in template.required for index in range(at, at + SAMPLE)):
            yield " ".join(template.words[at : at + SAMPLE])
