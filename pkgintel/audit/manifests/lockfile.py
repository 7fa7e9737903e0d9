"""packages.lock.json, versions 1 and 2: the whole closure for each framework, and for each framework with a runtime.

Source: NuGet docs "Locking dependencies"; NuGet.ProjectModel, PackagesLockFileFormat.
"""

import re

from pkgintel.audit.manifests import content
from pkgintel.audit.manifests.content import Object
from pkgintel.audit.manifests.graph import Ways
from pkgintel.audit.manifests.requirement import LONGEST_TEXT, Manifest, Requirement, require_few, skipped
from pkgintel.errors import ManifestUnreadable
from pkgintel.nuget.documents import package_key

_PLACE = re.compile(r'"([^"\n]{1,400})"\s*:\s*\{')
_MOST_LOOKS = 10  # At each entry of a framework, which is looked at again for each of its runtimes.


def read(body: bytes) -> Manifest:
    """The packages of a lock file. Projects of the same solution stand in it too and are no packages.

    Raises: ManifestUnreadable.
    """
    document = content.json_object(body)
    frameworks = document.get("dependencies")
    if not isinstance(frameworks, dict):
        raise ManifestUnreadable("it has no object `dependencies`, as a packages.lock.json has")
    sizes = {framework: len(content.members(packages)) for framework, packages in frameworks.items()}
    require_few(sum(sizes.get(name.partition("/")[0], 0) for name in sizes) // _MOST_LOOKS)
    places = content.lines(content.text(body), _PLACE)
    requirements: list[Requirement] = []
    odd: list[str] = []
    whole: dict[str, Object] = {}
    for framework, packages in frameworks.items():
        if not isinstance(packages, dict):
            odd.append(framework)
        base = framework.partition("/")[0]
        # A section for a runtime holds only what differs from its framework's.
        entries = content.members(packages)
        known = {**whole.get(base, {}), **entries}
        whole.setdefault(base, entries)
        ways = _ways(known)
        for name, entry in entries.items():
            _take(requirements, odd, framework, name, content.members(entry), ways, places)
    return Manifest("", "lock", "full", tuple(requirements), skipped("without a resolved version", odd))


def is_one(document: Object) -> bool:
    """Whether a document is a lock file of NuGet's, and not one of the others that have `dependencies`.

    In package.json and the former project.json no package stands below a framework; package-lock.json says what it is.
    """
    frameworks = document.get("dependencies")
    if not isinstance(frameworks, dict) or "lockfileVersion" in document:
        return False
    entries = (entry for packages in frameworks.values() for entry in content.members(packages).values())
    return any(isinstance(entry, dict) for entry in entries) or isinstance(document.get("version"), int)


def _take(
    requirements: list[Requirement],
    odd: list[str],
    framework: str,
    name: str,
    entry: Object,
    ways: Ways,
    places: dict[str, int],
) -> None:
    kind, resolved = content.said(entry.get("type")), content.said(entry.get("resolved"))
    if kind == "Project":
        return
    if resolved is None or not name.strip() or max(len(name), len(resolved)) > LONGEST_TEXT:
        odd.append(name)
        return
    requirements.append(
        Requirement(
            package_id=name.strip(),
            version=resolved,
            requested=content.said(entry.get("requested")),
            framework=framework,
            direct=kind == "Direct",
            path=ways.to(name.strip()) if kind != "Direct" else (name.strip(),),
            line=places.get(name.lower()),
        )
    )


def _ways(packages: Object) -> Ways:
    """The ways from what the project itself names; a dependency is named in the case of its own entry."""
    entries = {name: content.members(entry) for name, entry in packages.items()}
    spelled = {package_key(name): name for name in entries}
    edges = {
        name: [spelled.get(package_key(one), one) for one in content.members(entry.get("dependencies"))]
        for name, entry in entries.items()
    }
    roots = [name for name, entry in entries.items() if entry.get("type") in ("Direct", "Project")]
    brought = {one for name in roots if entries[name].get("type") == "Project" for one in edges[name]}
    # A project that only another project refers to begins no way.
    return Ways([name for name in roots if name not in brought], edges)
