"""What bills of materials have in common: components with package URLs, and a graph between them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pkgintel.audit.manifests import purl
from pkgintel.audit.manifests.graph import Ways
from pkgintel.audit.manifests.requirement import (
    Closure,
    Format,
    Manifest,
    Requirement,
    Scope,
    of_other_ecosystems,
    skipped,
)

PLACE = re.compile(r"pkg:nuget/([^@\"'?#<>\s%]{1,400})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Component:
    """An entry of a bill of materials; `ref` is what its graph calls it."""

    ref: str | None
    name: str | None
    version: str | None
    purls: tuple[str, ...]
    scope: Scope = "unknown"
    is_package: bool = True  # Files, devices and the like are listed too, and nobody asks for their license here.


def manifest(
    kind: Format,
    components: Sequence[Component],
    roots: Sequence[str],
    edges: Mapping[str, Sequence[str]],
    places: Mapping[str, int],
) -> Manifest:
    """The NuGet packages among `components`. `roots` are what the document describes; `edges` go from ref to refs."""
    ways, described = Ways(roots, edges), set(roots)
    names = {one.ref: _label(one) for one in components if one.ref is not None}
    first = {after for root in roots for after in edges.get(root, ())}
    requirements: list[Requirement] = []
    others: list[str] = []
    nameless: list[str] = []
    for one in components:
        found = next((read for read in map(purl.read, one.purls) if read is not None), None)
        if found is None:
            if one.is_package and one.ref not in described:
                nameless.append(_label(one))
        elif found.kind != "nuget":
            others.append(found.kind)
        elif one.ref not in described:
            requirements.append(_required(one, found, ways, first, names, places))
    notes = skipped("without a package URL", nameless) + of_other_ecosystems(others)
    closure: Closure = "full"
    return Manifest("", kind, closure, tuple(requirements), notes)


def _required(
    one: Component,
    found: purl.Purl,
    ways: Ways,
    first: set[str],
    names: Mapping[str, str],
    places: Mapping[str, int],
) -> Requirement:
    reached = one.ref is not None and one.ref in ways
    way = ways.to(one.ref) if one.ref is not None and reached else ()
    return Requirement(
        package_id=found.name,
        version=found.version if found.version is not None else one.version,
        direct=one.ref in first if reached else None,
        scope=one.scope,
        path=tuple(names.get(ref, ref) for ref in way[1:]),
        line=places.get(found.name.lower()),
    )


def _label(one: Component) -> str:
    return one.name or one.ref or "one without a name"
