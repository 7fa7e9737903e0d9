"""SPDX license expressions: text → tree, and how the meaning of a tree follows from its leaves.

The grammar is SPDX annex D as the `license-expression` library parses it: `AND`, `OR`, `WITH` and ids in any case,
brackets, `+`, `LicenseRef-…`, `DocumentRef-…:LicenseRef-…`. The library is used without its own list of names, which
would silently turn some `LicenseRef-…` into listed licenses; what an id means is said in `meaning`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal, TypeAlias

Meaning: TypeAlias = Literal["open", "closed", "undecided"]

MAX_LENGTH = 10_000  # characters; nuget.org itself takes at most 500
MAX_DEPTH = 100  # nested brackets
# SPDX annex D and the specification's field "concluded license": each of the two words is a whole statement.
WHOLE_STATEMENTS = frozenset({"none", "noassertion"})


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
    tree = _tree(parsed)
    word = next((leaf.id for leaf in leaves(tree) if leaf.id.lower() in WHOLE_STATEMENTS), None)
    if word and tree != License(word):
        raise MalformedExpression(f"{word} is a statement of its own and stands only alone")
    return tree


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
