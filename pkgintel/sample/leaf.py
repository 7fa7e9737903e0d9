"""The documents of the sample catalog's leaves, and how nuget.org writes a document.

Every key and oddity is one of a real leaf; what a package did not say has no key.
"""

import base64
import hashlib
import json
import uuid
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

from pkgintel.nuget import version
from pkgintel.nuget.documents import package_key
from pkgintel.nuget.instant import moment, timestamp
from pkgintel.sample.facts import draw
from pkgintel.sample.history import SampleEvent

_DATE = {"@type": "xsd:dateTime"}
_SCHEMA_DATE = {"@type": "http://www.w3.org/2001/XMLSchema#dateTime"}
_CONTAINERS = {
    "dependencies": "dependency",
    "dependencyGroups": "dependencyGroup",
    "packageEntries": "packageEntry",
    "packageTypes": "packageType",
    "supportedFrameworks": "supportedFramework",
    "tags": "tag",
    "vulnerabilities": "vulnerability",
}
_VOCABULARIES = {
    "@vocab": "http://schema.nuget.org/schema#",
    "catalog": "http://schema.nuget.org/catalog#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_DETAILS_CONTEXT = {
    **_VOCABULARIES,
    **{name: {"@id": one, "@container": "@set"} for name, one in _CONTAINERS.items()},
    "published": _DATE,
    "created": _DATE,
    "lastEdited": _DATE,
    "catalog:commitTimeStamp": _DATE,
    "reasons": {"@container": "@set"},
}
_DELETE_CONTEXT = {
    **_VOCABULARIES,
    "details": "catalog:details",
    "catalog:commitTimeStamp": _DATE,
    "published": _DATE,
    **{name: {"@container": "@set"} for name in ("categories", "entries", "links", "tags")},
    "packageContent": {"@type": "@id"},
}
_NUSPEC = (
    '<?xml version="1.0" encoding="utf-8"?>\r\n'
    '<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd">'
)
_PAGE_CONTEXT = {
    "@vocab": "http://schema.nuget.org/catalog#",
    "nuget": "http://schema.nuget.org/schema#",
    "items": {"@id": "item", "@container": "@set"},
    "parent": {"@type": "@id"},
    "commitTimeStamp": _SCHEMA_DATE,
    "nuget:lastCreated": _SCHEMA_DATE,
    "nuget:lastEdited": _SCHEMA_DATE,
    "nuget:lastDeleted": _SCHEMA_DATE,
}


def leaf_path(event: SampleEvent) -> str:
    """Where the leaf of `event` lies: its second of commit, lower-cased id and normalised version.

    The Kelvin sign stays itself and is percent-encoded, as nuget.org does.
    """
    name = f"{package_key(event.package_id)}.{version.parse(event.version).key}.json"
    return f"/v3/catalog0/data/{moment(event.commit):%Y.%m.%d.%H.%M.%S}/{quote(name)}"


def leaf(event: SampleEvent, base: str) -> bytes:
    """The leaf of `event` on a source at `base`; early leaves lack what nuget.org wrote only later."""
    url = base + leaf_path(event)
    stamps = {"catalog:commitId": commit_id(event.commit), "catalog:commitTimeStamp": timestamp(event.commit)}
    if event.kind == "delete":
        document: dict[str, Any] = {
            "@id": url,
            "@type": ["PackageDelete", "catalog:Permalink"],
            **stamps,
            "id": event.package_id,
            "originalId": event.package_id,
            "published": timestamp(event.published),
            "version": event.version,
        }
        return rendered(document, "delete")
    document = {
        "@id": url,
        "@type": ["PackageDetails", "catalog:Permalink"],
        "authors": ["sample", "catalog"] if event.given_twice else "sample",
        **stamps,
        "created": timestamp(event.created),
        **_deprecation(event, url),
        # The table holds no descriptions, and a leaf is never without one.
        "description": event.package_id,
        "id": event.package_id,
        "isPrerelease": version.parse(event.version).is_prerelease,
        "lastEdited": timestamp(event.edited),
        **_declaration(event),
        **({} if event.early else {"listed": event.listed}),
        "packageHash": base64.b64encode(
            hashlib.sha512(f"{event.package_id} {event.version}".encode()).digest()
        ).decode(),
        "packageHashAlgorithm": "SHA512",
        "packageSize": 9_000 + draw(900_000, event.key, "size"),
        **_project(event),
        "published": timestamp(event.published),
        "requireLicenseAcceptance": False,
        **({} if event.early else {"verbatimVersion": event.verbatim}),
        "version": event.version,
        **_dependencies(event, url),
        **({} if event.early else {"packageEntries": _entries(event, url)}),
    }
    return rendered(document, "details")


def nuspec(event: SampleEvent) -> bytes:
    """The nuspec inside of the package of `event`, as NuGet packs it."""
    kind = "expression" if event.license_expression is not None else "file"
    said = event.license_expression if event.license_expression is not None else event.license_file
    lines = [
        f"    <id>{escape(event.package_id)}</id>",
        f"    <version>{escape(event.version)}</version>",
        "    <authors>sample</authors>",
        f'    <license type="{kind}">{escape(said)}</license>' if said is not None else "",
        f"    <licenseUrl>{escape(event.license_url)}</licenseUrl>" if event.license_url is not None else "",
        f"    <description>{escape(event.package_id)}</description>",
    ]
    return "\r\n".join([_NUSPEC, "  <metadata>", *filter(None, lines), "  </metadata>", "</package>"]).encode()


def _declaration(event: SampleEvent) -> dict[str, Any]:
    """The license declaration; what was not declared has no key, and a text given twice is an array."""
    url: object = event.license_url
    if event.given_twice and event.license_url:
        url = [event.license_url, event.license_url.replace("http://", "https://") + "#again"]
    declared = {"licenseExpression": event.license_expression, "licenseFile": event.license_file, "licenseUrl": url}
    return {name: said for name, said in declared.items() if said is not None}


def _deprecation(event: SampleEvent, url: str) -> dict[str, Any]:
    if not event.deprecated:
        return {}
    told: dict[str, Any] = {"@id": f"{url}#deprecation", "reasons": ["Other", "Legacy", "CriticalBugs"]}
    chosen = draw(3, event.key, "reasons")
    if chosen:
        told["reasons"] = told["reasons"][chosen : chosen + 1]
    else:
        alternate = {"@id": f"{url}#deprecation/alternatePackage", "id": "Newtonsoft.Json", "range": "[13.0.3, )"}
        told |= {"alternatePackage": alternate, "message": "Deprecated in the sample."}
    return {"deprecation": told}


def _project(event: SampleEvent) -> dict[str, str]:
    """The project's address where the license's shows it; the repository is empty, as nuget.org mostly writes it."""
    shown = _repository(event.license_url) if event.license_url else None
    if shown is None:
        return {} if event.early else {"repository": ""}
    return {"projectUrl": f"https://github.com/{shown}"}


def _repository(url: str) -> str | None:
    """The owner and name of the GitHub repository that an address leads into, None where it leads elsewhere."""
    parts = urlsplit(url)
    if parts.hostname is None or not parts.hostname.endswith(("github.com", "githubusercontent.com")):
        return None
    return "/".join(parts.path.split("/")[1:3]) if parts.path.count("/") >= 3 else None


def _dependencies(event: SampleEvent, url: str) -> dict[str, Any]:
    """For some a group without dependencies, for some one with a single dependency."""
    chosen = draw(3, event.key, "dependencies")
    if not chosen:
        return {}
    group: dict[str, Any] = {
        "@id": f"{url}#dependencygroup/.netstandard2.0",
        "@type": "PackageDependencyGroup",
        "targetFramework": ".NETStandard2.0",
    }
    if chosen == 1 and event.key[0] != "newtonsoft.json":
        group["dependencies"] = [
            {
                "@id": f"{url}#dependencygroup/.netstandard2.0/newtonsoft.json",
                "@type": "PackageDependency",
                "id": "Newtonsoft.Json",
                # The range is another text that was seen as an array.
                "range": ["[9.0.1, )", "[9.0.1, )"] if event.given_twice else "[9.0.1, )",
            }
        ]
    return {"dependencyGroups": [group]}


def _entries(event: SampleEvent, url: str) -> list[dict[str, Any]]:
    names = [f"{event.package_id}.nuspec", *([event.license_file] if event.license_file else []), ".signature.p7s"]
    return [
        {
            "@id": f"{url}#{quote(name)}",
            "@type": "PackageEntry",
            "compressedLength": (length := 300 + draw(9_000, event.key, name)) // 2,
            "fullName": name,
            "length": length,
            "name": name.replace("\\", "/").rpartition("/")[2],
        }
        for name in names
    ]


def commit_id(commit: int) -> str:
    """The id of the commit stamped `commit` ticks."""
    return str(uuid.UUID(bytes=hashlib.blake2b(str(commit).encode(), digest_size=16).digest(), version=4))


@cache
def _context(kind: str) -> str:
    """The closing part of a document, which is the same for all of a kind."""
    context = {"index": _PAGE_CONTEXT, "details": _DETAILS_CONTEXT, "delete": _DELETE_CONTEXT}[kind]
    return "," + json.dumps({"@context": context}, indent=2).removeprefix("{")


def rendered(document: Mapping[str, Any], kind: str) -> bytes:
    """The document as nuget.org writes it: UTF-8, two spaces of indent, CRLF."""
    text = json.dumps(document, indent=2, ensure_ascii=False).removesuffix("\n}") + _context(kind)
    return text.replace("\n", "\r\n").encode()
