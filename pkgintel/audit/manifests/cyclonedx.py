"""CycloneDX, JSON and XML, versions 1.2 to 1.6 and what comes close.

Source: https://cyclonedx.org/specification/overview/
"""

from collections.abc import Iterator

from pkgintel.audit.manifests import bom, content
from pkgintel.audit.manifests.bom import Component
from pkgintel.audit.manifests.content import Element, Object
from pkgintel.audit.manifests.requirement import Manifest, Scope
from pkgintel.errors import ManifestUnreadable

_SCOPES: dict[str, Scope] = {"required": "runtime", "excluded": "development"}
_NO_PACKAGES = {"file", "device", "data", "cryptographic-asset", "operating-system", "device-driver", "firmware"}


def read_json(body: bytes) -> Manifest:
    """The NuGet packages of a CycloneDX JSON document, nested components too. Raises: ManifestUnreadable."""
    document = content.json_object(body)
    if str(document.get("bomFormat")).lower() != "cyclonedx":
        raise ManifestUnreadable("its bomFormat is not CycloneDX")
    root = content.members(content.members(document.get("metadata")).get("component"))
    components = [_of_object(one) for one in each_object(document)]
    edges = {
        ref: _texts(one.get("dependsOn"))
        for one in content.objects(document.get("dependencies"))
        if (ref := content.said(one.get("ref"))) is not None
    }
    ref = content.said(root.get("bom-ref"))
    places = content.lines(content.text(body), bom.PLACE)
    return bom.manifest("cyclonedx", components, [ref] if ref is not None else [], edges, places)


def read_xml(body: bytes) -> Manifest:
    """The NuGet packages of a CycloneDX XML document, nested components too. Raises: ManifestUnreadable."""
    document = content.xml(body)
    if content.name(document) != "bom":
        raise ManifestUnreadable("its root is no <bom>, as that of CycloneDX is")
    refs = [
        ref
        for metadata in content.children(document, "metadata")
        for component in content.children(metadata, "component")
        if (ref := content.attribute(component, "bom-ref")) is not None
    ]
    components = [_of_element(one) for one in each_element(document)]
    edges = {
        ref: [after for child in one if (after := content.attribute(child, "ref")) is not None]
        for graph in content.children(document, "dependencies")
        for one in graph
        if (ref := content.attribute(one, "ref")) is not None
    }
    places = content.lines(body.replace(b"\0", b"").decode("utf-8", "replace"), bom.PLACE)
    return bom.manifest("cyclonedx", components, refs, edges, places)


def each_object(document: Object) -> Iterator[Object]:
    """Every component of a JSON document, in its order, each before those nested in it."""
    waiting = [document]
    while waiting:
        inside = content.objects(waiting.pop().get("components"))
        yield from inside
        waiting.extend(reversed(inside))


def each_element(document: Element) -> Iterator[Element]:
    """Every component of an XML document, each before those nested in it."""
    waiting = [document]
    while waiting:
        for group in content.children(waiting.pop(), "components"):
            inside = content.children(group, "component")
            yield from inside
            waiting.extend(reversed(inside))


def _of_object(one: Object) -> Component:
    url, scope = content.said(one.get("purl")), content.said(one.get("scope"))
    return Component(
        ref=content.said(one.get("bom-ref")),
        name=content.said(one.get("name")),
        version=content.said(one.get("version")),
        purls=(url,) if url is not None else (),
        scope=_SCOPES.get(scope, "unknown") if scope is not None else "unknown",
        is_package=content.said(one.get("type")) not in _NO_PACKAGES,
    )


def _of_element(one: Element) -> Component:
    url, scope = content.inner(one, "purl"), content.inner(one, "scope")
    return Component(
        ref=content.attribute(one, "bom-ref"),
        name=content.inner(one, "name"),
        version=content.inner(one, "version"),
        purls=(url,) if url is not None else (),
        scope=_SCOPES.get(scope, "unknown") if scope is not None else "unknown",
        is_package=content.attribute(one, "type") not in _NO_PACKAGES,
    )


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
