"""Which licenses a policy takes: by SPDX id or by category, with what AND and OR mean.

A category is one of ScanCode LicenseDB's ("Permissive", "Copyleft Limited" …), as the index in the package
`license-expression` has them (https://scancode-licensedb.aboutcode.org, CC-BY-4.0).
"""

import difflib
import json
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

from pkgintel.audit.answer import Answer
from pkgintel.errors import SettingsError
from pkgintel.licenses import facts, urls
from pkgintel.licenses.expression import License, MalformedExpression, Tree, parse
from pkgintel.licenses.spdx import LicenseList

_CATEGORY = "category:"
_BY_TEXT = ("text-open", "text-closed", "text-undecided")


class Terms:
    """The licenses that a policy allows (all, where it names none) and those it denies."""

    def __init__(self, allow: Sequence[str], deny: Sequence[str]) -> None:
        self._allow = _named(allow)
        self._deny = _named(deny)

    def refuses(self, answer: Answer) -> str | None:
        """Why the licenses of a version are not taken, as the beginning of a sentence; None where they are.

        Of an OR one side that is taken is enough, of an AND every side has to be. A page that may stand for several
        licenses is taken when each of them is. A version whose licenses are not known is not refused here.
        """
        if not (self._allow or self._deny):
            return None
        for tree in trees(answer):
            refused = self._refused(tree)
            if refused is not None:
                return refused
        return None

    def _refused(self, tree: Tree) -> str | None:
        if isinstance(tree, License):
            return self._leaf(tree)
        parts = [self._refused(part) for part in tree.parts]
        if tree.operator == "OR":
            return None if None in parts else parts[0]
        return next((part for part in parts if part is not None), None)

    def _leaf(self, leaf: License) -> str | None:
        names = _names_of(leaf)
        denied = names & self._deny
        if denied:
            said = min((one for one in denied if one.startswith(_CATEGORY)), default=None)
            return f"{leaf} is denied" + (f" as {said.removeprefix(_CATEGORY).title()}" if said is not None else "")
        # What is allowed is allowed with its exceptions, for these only ever permit more.
        return None if not self._allow or names & self._allow else f"{leaf} is not among what is allowed"


def trees(answer: Answer) -> list[Tree]:
    """The licenses that a version declares, as far as they are known."""
    said = answer.declaration
    if said is None or answer.rule == "expression-malformed":
        return []
    texts: Iterable[str] = ()
    address = urls.read(said.url.strip()) if said.url is not None else None
    if said.expression is not None:
        texts = (said.expression,)
    elif address is not None and address.kind == "expression":
        texts = (address.expression,)
    elif answer.rule in _BY_TEXT:
        read = answer.evidence.text if answer.evidence is not None else None
        texts = (read.license,) if read is not None and read.license is not None else ()
    elif answer.evidence is not None and answer.evidence.entry is not None:
        known = answer.evidence.entry.licenses
        texts = known if known is not None else ()
    found = []
    for text in texts:
        try:
            found.append(parse(text))
        except MalformedExpression:
            continue
    return found


def require_known(names: Iterable[str], where: str, license_list: LicenseList) -> None:
    """Raises: SettingsError for a name that no license and no category bears, so that no denial is a dead letter."""
    for name in names:
        if name.lower().startswith(_CATEGORY):
            kinds = sorted({category for found in _categories().values() for category in found})
            if name[len(_CATEGORY) :].strip().lower() not in kinds:
                near = ", ".join(kind.title() for kind in kinds)
                raise SettingsError(f"{where} names {name!r}, which is no category: there are {near}.")
            continue
        leaf = name.partition(" ")[0]
        listed = license_list.license(leaf.removesuffix("+")) or license_list.license(leaf)
        if listed is None and not leaf.lower().startswith(("licenseref-", "documentref-")):
            ids = [one.license_id for one in license_list.licenses.values()]
            close = difflib.get_close_matches(leaf, ids, n=1, cutoff=0.5)
            hint = f"; did you mean {close[0]}?" if close else "."
            raise SettingsError(
                f"{where} names {name!r}, which is no license of SPDX list {license_list.version}{hint}"
            )


def _named(names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for name in names:
        text = " ".join(name.lower().split())
        if text.startswith(_CATEGORY):
            found.add(_CATEGORY + text.removeprefix(_CATEGORY).strip())
        else:
            found |= _aliases(text)
    return found


def _names_of(leaf: License) -> set[str]:
    """All by which a policy may mean a leaf: its id, deprecated or not, with its exception too, and its categories."""
    names = _aliases(leaf.id.lower() + ("+" if leaf.or_later else ""))
    if leaf.exception is not None:
        names |= {f"{name} with {leaf.exception.lower()}" for name in names}
    return names | {_CATEGORY + kind for name in names for kind in _categories().get(name, ())}


def _aliases(name: str) -> set[str]:
    """An id and the other ids under which SPDX lists the same text, in lower case."""
    found = {name}
    if name.endswith("+") and not name.endswith("-or-later+"):
        found.add(name.removesuffix("+").removesuffix("-only") + "-or-later")
    for deprecated, successor in facts.successors().items():
        if {deprecated, successor.lower()} & found:
            found |= {deprecated, successor.lower()}
    return found


@cache
def _categories() -> dict[str, tuple[str, ...]]:
    """SPDX id in lower case → the categories of its texts, in lower case."""
    index = resources.files("license_expression").joinpath("data/scancode-licensedb-index.json")
    found: dict[str, tuple[str, ...]] = {}
    for row in json.loads(index.read_text(encoding="utf-8")):
        category = str(row.get("category")).lower()
        for name in (row.get("spdx_license_key"), *row.get("other_spdx_license_keys", ())):
            if name:
                found[name.lower()] = tuple(dict.fromkeys((*found.get(name.lower(), ()), category)))
    return found
