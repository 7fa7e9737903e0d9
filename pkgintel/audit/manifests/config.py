"""packages.config: the whole closure in one flat list.

Source: NuGet docs "packages.config reference".
"""

import re

from pkgintel.audit.manifests import content
from pkgintel.audit.manifests.requirement import LONGEST_TEXT, Manifest, Requirement, skipped
from pkgintel.errors import ManifestUnreadable

_PLACE = re.compile(r"""\bid\s*=\s*["']([^"'\n]{1,400})["']""", re.IGNORECASE)


def read(body: bytes) -> Manifest:
    """The packages of a packages.config, in whatever encoding its XML declares. Raises: ManifestUnreadable."""
    root = content.xml(body)
    if content.name(root).lower() != "packages":
        raise ManifestUnreadable("its root is no <packages>, as that of a packages.config is")
    places = content.lines(body.replace(b"\0", b"").decode("utf-8", "replace"), _PLACE)
    requirements, odd = [], []
    for element in root:
        if content.name(element).lower() != "package":
            continue
        package_id, resolved = content.attribute(element, "id"), content.attribute(element, "version")
        if package_id is None or resolved is None or max(len(package_id), len(resolved)) > LONGEST_TEXT:
            odd.append(package_id if package_id is not None else "one without an id")
            continue
        build = (content.attribute(element, "developmentdependency") or "false").lower() == "true"
        requirements.append(
            Requirement(
                package_id=package_id,
                version=resolved,
                requested=content.attribute(element, "allowedversions"),
                framework=content.attribute(element, "targetframework"),
                scope="development" if build else "runtime",
                line=places.get(package_id.lower()),
            )
        )
    return Manifest("", "config", "full", tuple(requirements), skipped("without an id or a version", odd))
