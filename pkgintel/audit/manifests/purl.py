"""Package URLs as bills of materials really have them.

Source: package-url/purl-spec, and its type `nuget`.
"""

from dataclasses import dataclass
from urllib.parse import quote

from packageurl import PackageURL

from pkgintel.audit.manifests.requirement import LONGEST_TEXT

_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Purl:
    """What a package URL names; `kind` is the ecosystem in lower case."""

    kind: str
    name: str
    version: str | None


def read(text: str) -> Purl | None:
    """What `text` names, or None where it is no package URL.

    Some writers percent-encode the `@`, and the version then stands in the name; some write `PKG:`.
    """
    text = text.strip()
    if len(text) > _LONGEST or text[:4].lower() != "pkg:":
        return None
    try:
        found = PackageURL.from_string("pkg:" + text[4:])
    except ValueError:
        return None
    name, version = found.name, found.version
    if version is None and "@" in name:
        name, _, version = name.rpartition("@")
    if found.namespace:
        name = f"{found.namespace}/{name}"
    if not name.strip() or len(name) > LONGEST_TEXT or len(version or "-") > LONGEST_TEXT:
        return None
    return Purl(found.type.lower(), name.strip(), version.strip() or None if version else None)


def write(package_id: str, version: str | None) -> str:
    """The package URL of a version of a NuGet package."""
    at = f"@{quote(version, safe='.-_~')}" if version is not None else ""
    return f"pkg:nuget/{quote(package_id, safe='.-_~')}{at}"
