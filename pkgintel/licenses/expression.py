"""SPDX license expressions: text → tree → one of three meanings (DESIGN §5 rule 1).

The grammar is SPDX annex D as the `license-expression` library parses it: `AND`, `OR`, `WITH` and ids in any case,
brackets, `+`, `LicenseRef-…`, `DocumentRef-…:LicenseRef-…`. The library is used without its own list of names, which
would silently turn some `LicenseRef-…` into listed licenses; what an id means comes from the SPDX list in hand.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal, TypeAlias

from pkgintel.licenses.spdx import LicenseList

Meaning: TypeAlias = Literal["open", "closed", "undecided"]
Policy: TypeAlias = Literal["osi-or-fsf", "osi"]

MAX_LENGTH = 10_000  # characters; nuget.org itself takes at most 500
MAX_DEPTH = 100  # nested brackets
# ScanCode LicenseDB's categories of terms that withhold what open source grants.
RESTRICTIVE = frozenset({"Commercial", "Proprietary Free", "Source-available", "Free Restricted"})

_FOREIGN = re.compile(r"[^A-Za-z0-9.\-+:() \t\r\n]")
_EMPTY_BRACKETS = re.compile(r"\(\s*\)")
_LICENSE = re.compile(
    r"(?P<id>(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+"
    r"|(?!(?:License|Document)Ref-)[A-Za-z0-9.-]+)(?P<plus>\+?)",
    re.IGNORECASE,
)
_EXCEPTION = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?[A-Za-z0-9.-]+", re.IGNORECASE)


class MalformedExpression(ValueError):
    """The text is not an SPDX license expression; the message says why, without a full stop."""


@dataclass(frozen=True, slots=True)
class License:
    """A leaf: one license id as written, without its `+`, and the exception id behind `WITH`."""

    id: str
    or_later: bool = False
    exception: str | None = None

    def __str__(self) -> str:
        return f"{self.id}{'+' if self.or_later else ''}{f' WITH {self.exception}' if self.exception else ''}"


@dataclass(frozen=True, slots=True)
class Group:
    """`AND` or `OR` over two parts or more."""

    operator: Literal["AND", "OR"]
    parts: tuple["Tree", ...]

    def __str__(self) -> str:
        return f" {self.operator} ".join(f"({part})" if isinstance(part, Group) else str(part) for part in self.parts)


Tree: TypeAlias = License | Group


@dataclass(frozen=True, slots=True)
class Finding:
    """What one leaf means, and what it matched on the list to mean it."""

    license: License
    meaning: Meaning
    matched: tuple[str, ...]  # of: osi, fsf, restrictive, listed, unlisted, license-ref, unknown-exception
    listed_id: str | None = None
    category: str | None = None

    def evidence(self) -> dict[str, Any]:
        """The finding as JSON."""
        found: dict[str, Any] = {"id": self.listed_id or self.license.id, "means": self.meaning}
        found["matched"] = list(self.matched)
        if self.license.or_later:
            found["or_later"] = True
        if self.license.exception:
            found["exception"] = self.license.exception
        if self.category:
            found["category"] = self.category
        return found


def parse(text: str) -> Tree:
    """The tree of an expression, in time and depth bounded by MAX_LENGTH and MAX_DEPTH.

    Raises: MalformedExpression, and nothing else.
    """
    if len(text) > MAX_LENGTH:
        raise MalformedExpression(f"it has {len(text):,} characters, and at most {MAX_LENGTH:,} are read")
    return _parse(text.strip())


@lru_cache(maxsize=1024)
def _parse(text: str) -> Tree:
    if not text:
        raise MalformedExpression("it is empty")
    if foreign := _FOREIGN.search(text):
        raise MalformedExpression(f"the character {foreign.group()!a} at position {foreign.start() + 1} is not allowed")
    depth = deepest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    if depth:
        raise MalformedExpression("its brackets do not match")
    if deepest > MAX_DEPTH:
        raise MalformedExpression(f"its brackets are nested {deepest:,} deep, and at most {MAX_DEPTH} are followed")
    if _EMPTY_BRACKETS.search(text):
        raise MalformedExpression("it holds empty brackets")
    try:
        parsed = _parser()(text)
    except Exception as error:  # noqa: BLE001  The library also lets IndexError and TypeError out on odd texts.
        says = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise MalformedExpression(says[:1].lower() + says[1:].rstrip(".")) from None
    return _tree(parsed)


@cache
def _parser() -> Callable[[str], Any]:
    """The library's parser with no names known to it. Imported on first use: it costs 40 ms."""
    from license_expression import Licensing

    licensing = Licensing()
    return lambda text: licensing.parse(text, strict=False, simple=True)


def _tree(parsed: Any) -> Tree:
    # The recursion is bounded by MAX_DEPTH: the library makes one node per bracket, AND and OR, and never chains one.
    if hasattr(parsed, "exception_symbol"):
        base = _leaf(parsed.license_symbol.key)
        exception = parsed.exception_symbol.key
        if not _EXCEPTION.fullmatch(exception):
            raise MalformedExpression(f"{exception[:80]!r} is not an exception id")
        return License(base.id, base.or_later, exception)
    if hasattr(parsed, "key"):
        return _leaf(parsed.key)
    operator: Literal["AND", "OR"] = "AND" if type(parsed).__name__ == "AND" else "OR"
    parts: list[Tree] = []
    for argument in parsed.args:
        part = _tree(argument)
        # (a OR b) OR c is a OR b OR c: brackets that change nothing leave no trace.
        parts.extend(part.parts if isinstance(part, Group) and part.operator == operator else (part,))
    return Group(operator, tuple(parts))


def _leaf(key: str) -> License:
    match = _LICENSE.fullmatch(key)
    if not match:
        raise MalformedExpression(f"{key[:80]!r} is not a license id")
    return License(match["id"], bool(match["plus"]))


def leaves(tree: Tree) -> Iterator[License]:
    """The leaves from left to right."""
    pending: list[Tree] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, License):
            yield node
        else:
            pending.extend(reversed(node.parts))


def evaluate(tree: Tree, meaning_of: Callable[[License], Meaning]) -> Meaning:
    """OR: open if any part is open, closed if all are closed. AND: closed if any is closed, open if all are open."""
    if isinstance(tree, License):
        return meaning_of(tree)
    meanings = {evaluate(part, meaning_of) for part in tree.parts}
    wins: Meaning = "open" if tree.operator == "OR" else "closed"
    if wins in meanings:
        return wins
    return "undecided" if "undecided" in meanings else meanings.pop()


@cache
def restrictive_ids() -> Mapping[str, str]:
    """SPDX id in lower case → ScanCode category, for ids whose terms are restrictive.

    Source: the LicenseDB index inside the license-expression package (read on first use, 20 ms).
    """
    from license_expression import get_license_index

    found: dict[str, str] = {}
    for entry in get_license_index():
        category, license_id = entry.get("category"), entry.get("spdx_license_key") or ""
        if category in RESTRICTIVE and not entry.get("is_exception") and not license_id.startswith("LicenseRef-"):
            found.setdefault(license_id.lower(), category)
    return found


class Reader:
    """Reads expressions against one SPDX list and one policy; remembers what it found about each leaf."""

    def __init__(self, license_list: LicenseList, policy: Policy = "osi-or-fsf") -> None:
        self.license_list = license_list
        self.policy = policy
        self._findings: dict[License, Finding] = {}

    def finding(self, leaf: License) -> Finding:
        """What a leaf means: its license's meaning, unless the exception behind it is not on the list."""
        found = self._findings.get(leaf)
        if found is None:
            found = self._find(leaf)
            if len(self._findings) < 10_000:  # Ids are the author's to invent: what is remembered has a bound.
                self._findings[leaf] = found
        return found

    def meaning(self, tree: Tree) -> Meaning:
        """What the whole expression means."""
        return evaluate(tree, lambda leaf: self.finding(leaf).meaning)

    def _find(self, leaf: License) -> Finding:
        if leaf.id.lower().startswith(("licenseref-", "documentref-")):
            return Finding(leaf, "undecided", ("license-ref",))
        # An id may itself end in "+" on the list (the deprecated GPL-2.0+).
        listed = (self.license_list.license(leaf.id + "+") if leaf.or_later else None) or self.license_list.license(
            leaf.id
        )
        if listed is None:
            return Finding(leaf, "undecided", ("unlisted",))
        approvals = [("osi", listed.is_osi_approved), ("fsf", bool(listed.is_fsf_libre))]
        matched = tuple(name for name, approved in approvals if approved)
        category = None if matched else restrictive_ids().get(listed.license_id.lower())
        meaning: Meaning = "undecided"
        if listed.is_osi_approved or (self.policy == "osi-or-fsf" and listed.is_fsf_libre):
            meaning = "open"
        elif category:
            meaning, matched = "closed", ("restrictive",)
        if leaf.exception and self.license_list.exception(leaf.exception) is None:
            meaning, matched = "undecided", (*matched, "unknown-exception")
        return Finding(leaf, meaning, matched or ("listed",), listed.license_id, category)
