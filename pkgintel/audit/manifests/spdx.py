"""SPDX documents in JSON: 2.2 and 2.3, and 3.0 as JSON-LD, whose elements refer to each other.

Source: https://spdx.github.io/spdx-spec/ (2.3: package information, relationships; 3.0: Core, Software).
"""

from collections import defaultdict
from collections.abc import Sequence

from pydantic import JsonValue

from pkgintel.audit.manifests import bom, content
from pkgintel.audit.manifests.bom import Component
from pkgintel.audit.manifests.content import Object
from pkgintel.audit.manifests.requirement import Manifest, Scope
from pkgintel.errors import ManifestUnreadable

_DEPENDS = {"DEPENDS_ON": False, "DEPENDSON": False, "CONTAINS": False, "DYNAMIC_LINK": False, "STATIC_LINK": False}
_REVERSED = {"DEPENDENCY_OF", "CONTAINED_BY", "RUNTIME_DEPENDENCY_OF"}
_BUILDS = {"DEV_DEPENDENCY_OF", "BUILD_DEPENDENCY_OF", "DEV_TOOL_OF", "BUILD_TOOL_OF", "TEST_DEPENDENCY_OF"}
_PACKAGES = {"software_Package", "software:Package", "Package"}


def read(body: bytes) -> Manifest:
    """The NuGet packages of an SPDX document of any version. Raises: ManifestUnreadable."""
    document = content.json_object(body)
    places = content.lines(content.text(body), bom.PLACE)
    if isinstance(document.get("@graph"), list):
        return _third(content.objects(document["@graph"]), places)
    if not str(document.get("spdxVersion")).startswith("SPDX-2"):
        # GitHub's export wraps the document.
        inner = document.get("sbom")
        if not isinstance(inner, dict) or not str(inner.get("spdxVersion")).startswith("SPDX-2"):
            raise ManifestUnreadable("it has neither an spdxVersion SPDX-2.x nor an @graph, as SPDX documents have")
        document = inner
    return _second(document, places)


def _second(document: Object, places: dict[str, int]) -> Manifest:
    edges: dict[str, list[str]] = defaultdict(list)
    builds: set[str] = set()
    described = _texts(document.get("documentDescribes"))
    for relation in content.objects(document.get("relationships")):
        kind = str(relation.get("relationshipType")).upper()
        before, after = content.said(relation.get("spdxElementId")), content.said(relation.get("relatedSpdxElement"))
        if before is None or after is None:
            continue
        if kind == "DESCRIBES":
            described.append(after)
        elif kind in _BUILDS:
            builds.add(before)
            edges[after].append(before)
        elif kind in _REVERSED:
            edges[after].append(before)
        elif kind in _DEPENDS:
            edges[before].append(after)
    packages = content.objects(document.get("packages"))
    components = [_of_second(one, builds) for one in packages]
    return bom.manifest("spdx", components, _described(described, components), edges, places)


def _of_second(one: Object, builds: set[str]) -> Component:
    references = [
        found
        for reference in content.objects(one.get("externalRefs"))
        if str(reference.get("referenceType")).lower().endswith("purl")
        and (found := content.said(reference.get("referenceLocator"))) is not None
    ]
    name, version = content.said(one.get("name")), content.said(one.get("versionInfo"))
    # GitHub's export once named packages "nuget:Id", with no package URL beside it.
    if not references and name is not None and name.lower().startswith("nuget:") and name[6:].strip():
        references = [f"pkg:nuget/{name[6:].strip()}"]
    ref = content.said(one.get("SPDXID"))
    scope: Scope = "development" if ref in builds else "unknown"
    return Component(ref, name, version, tuple(references), scope)


def _third(graph: list[Object], places: dict[str, int]) -> Manifest:
    by_id = {key: one for one in graph if (key := _id(one)) is not None}
    edges: dict[str, list[str]] = defaultdict(list)
    described: list[str] = []
    for one in graph:
        kind = _type(one)
        if kind in ("Relationship", "LifecycleScopedRelationship"):
            relation = str(one.get("relationshipType")).replace("_", "").upper()
            before = content.said(one.get("from"))
            if before is not None and relation in ("DEPENDSON", "CONTAINS"):
                edges[before] += _texts(one.get("to"))
            elif relation == "DESCRIBES":
                described += _texts(one.get("to"))
        elif kind in ("SpdxDocument", "software_Sbom", "Sbom"):
            described += _texts(one.get("rootElement"))
    components = [_of_third(one, by_id) for one in graph if _type(one) in _PACKAGES]
    return bom.manifest("spdx", components, _described(described, components), edges, places)


def _of_third(one: Object, by_id: dict[str, Object]) -> Component:
    known = content.said(one.get("software_packageUrl")) or content.said(one.get("packageUrl"))
    found = [known] if known is not None else []
    for entry in _listed(one.get("externalIdentifier")):
        # An identifier stands inside of its package, or is an element of its own that the package refers to.
        identifier = by_id.get(entry, {}) if isinstance(entry, str) else content.members(entry)
        kind = str(identifier.get("externalIdentifierType")).lower()
        value = content.said(identifier.get("identifier"))
        if value is not None and (kind.endswith(("purl", "packageurl")) or value[:4].lower() == "pkg:"):
            found.append(value)
    version = content.said(one.get("software_packageVersion")) or content.said(one.get("packageVersion"))
    return Component(_id(one), content.said(one.get("name")), version, tuple(found))


def _described(described: Sequence[str], components: Sequence[Component]) -> list[str]:
    """What the document is about. Where it describes all that it lists, it describes nothing in particular."""
    known = list(dict.fromkeys(described))
    return known if len(known) < max(2, len(components)) else []


def _id(one: Object) -> str | None:
    return content.said(one.get("spdxId")) or content.said(one.get("@id"))


def _type(one: Object) -> str:
    return str(one.get("type", one.get("@type")))


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _texts(value: JsonValue) -> list[str]:
    return [one for one in _listed(value) if isinstance(one, str)]
