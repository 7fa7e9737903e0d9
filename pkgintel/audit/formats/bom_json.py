"""CycloneDX out: the bill of materials that was read with verdicts added and nothing else touched, or a new one.

Source: https://cyclonedx.org/docs/1.6/json/ (properties, licenses, acknowledgement).
"""

import json
from collections.abc import Callable, Iterator, Mapping

from pydantic import JsonValue

from pkgintel import __version__
from pkgintel.audit.formats import bom_xml, parts
from pkgintel.audit.formats.added import Added, added, require_version
from pkgintel.audit.formats.parts import Object
from pkgintel.audit.manifests import content, cyclonedx, purl
from pkgintel.audit.manifests.requirement import version_key
from pkgintel.audit.report import Audited, Report
from pkgintel.audit.store import Key
from pkgintel.nuget.documents import package_key
from pkgintel.nuget.instant import iso

_PREFIX = "pkgintel:"
_SCOPES = {"runtime": "required", "development": "excluded"}


def write(report: Report) -> Iterator[str | bytes]:
    """The document that was read, where it was one bill of materials; else a new one of all packages. In parts.

    Raises: SettingsError for a version of the format that has no place for verdicts.
    """
    sources = [source for source in report.sources if source.manifest.format == "cyclonedx"]
    if len(sources) != 1 or len(report.sources) != 1:
        yield from parts.filled(_new(report), "components", (_component(one, report) for one in report.packages))
        return
    known = {one.package.key: one for one in report.packages}

    def find(key: Key) -> Added | None:
        return added(known[key], report) if key in known else None

    body, path = sources[0].body, sources[0].manifest.path
    is_xml = body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    yield from bom_xml.enriched(body, find, path) if is_xml else _enriched(body, find, path)


def _enriched(body: bytes, find: Callable[[Key], Added | None], path: str) -> Iterator[str]:
    document: Object = json.loads(content.text(body))
    number = require_version(str(document.get("specVersion")), path)
    for component in cyclonedx.each_object(document):
        one = find(_key(component))
        if one is not None and isinstance(component, dict):
            _add(component, one, number)
    yield from json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(document)
    yield "\n"


def _key(component: Mapping[str, JsonValue]) -> Key:
    said = content.said(component.get("purl"))
    read = purl.read(said) if said is not None else None
    if read is None or read.kind != "nuget":
        return "", ""
    resolved = read.version if read.version is not None else content.said(component.get("version"))
    return package_key(read.name), version_key(str(resolved))


def _add(component: Object, one: Added, number: tuple[int, int]) -> None:
    properties = component.get("properties")
    kept = [entry for entry in properties if not _is_ours(entry)] if isinstance(properties, list) else []
    ours: list[JsonValue] = [{"name": name, "value": value} for name, value in one.properties]
    component["properties"] = [*kept, *ours]
    if one.expression is not None and "licenses" not in component:
        declared: Object = {"expression": one.expression}
        component["licenses"] = [declared | ({"acknowledgement": "declared"} if number >= (1, 6) else {})]


def _is_ours(entry: JsonValue) -> bool:
    return isinstance(entry, dict) and str(entry.get("name")).startswith(_PREFIX)


def _new(report: Report) -> Object:
    tool: Object = {"type": "application", "name": "pkgintel", "version": __version__}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"timestamp": iso(report.generated_at), "tools": {"components": [tool]}},
        "components": [],
    }


def _component(one: Audited, report: Report) -> Object:
    package = one.package
    component: Object = {"type": "library", "bom-ref": package.purl, "name": package.package_id}
    if package.version is not None:
        component["version"] = package.version
    scope = _SCOPES.get(package.scope)
    if scope is not None:
        component["scope"] = scope
    component["purl"] = package.purl
    _add(component, added(one, report), (1, 6))
    return component
