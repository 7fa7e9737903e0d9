"""What `dotnet list package --include-transitive --format json` prints (`dotnet package list` from .NET 10 on).

Source: NuGet/Home, accepted/2022/DotnetListPackageMachineReadableJsonOutput.md.
"""

import re

from pkgintel.audit.manifests import content
from pkgintel.audit.manifests.content import Object
from pkgintel.audit.manifests.requirement import LONGEST_TEXT, Closure, Manifest, Requirement, skipped
from pkgintel.errors import ManifestUnreadable
from pkgintel.text import plain

_PLACE = re.compile(r'"id"\s*:\s*"([^"\n]{1,400})"')
_MOST_PROBLEMS = 5
_CHOOSE = ("--vulnerable", "--outdated", "--deprecated")


def read(body: bytes) -> Manifest:
    """The packages of all projects in the listing. Raises: ManifestUnreadable."""
    document = content.json_object(body)
    if not isinstance(document.get("projects"), list):
        raise ManifestUnreadable("it has no array `projects`, as the output of `dotnet list package` has")
    places = content.lines(content.text(body), _PLACE)
    requirements: list[Requirement] = []
    odd: list[str] = []
    transitive = False
    for project in content.objects(document["projects"]):
        for framework in content.objects(project.get("frameworks")):
            name = content.said(framework.get("framework"))
            for kind, direct in (("topLevelPackages", True), ("transitivePackages", False)):
                transitive = transitive or (kind in framework and not direct)
                entries = framework.get(kind)
                if entries is not None and (
                    not isinstance(entries, list) or len(content.objects(entries)) < len(entries)
                ):
                    odd.append(f"entries of {kind} that are no objects")
                for entry in content.objects(entries):
                    _take(requirements, odd, entry, name, places, direct=direct)
    closure: Closure = "full" if transitive or _asked_for_all(document) else "direct"
    notes = skipped("without an id or a version", odd) + _chosen(document) + _problems(document)
    if closure == "direct":
        notes += ("direct packages only: `dotnet list package --include-transitive` lists all",)
    sources = document.get("sources")
    feeds = tuple(one for one in sources if isinstance(one, str)) if isinstance(sources, list) else ()
    return Manifest("", "dotnet-list", closure, tuple(requirements), notes, feeds)


def _take(
    requirements: list[Requirement],
    odd: list[str],
    entry: Object,
    framework: str | None,
    places: dict[str, int],
    *,
    direct: bool,
) -> None:
    package_id, requested = content.said(entry.get("id")), content.said(entry.get("requestedVersion"))
    resolved = content.said(entry.get("resolvedVersion"))
    if package_id is None or (resolved is None and requested is None):
        odd.append(package_id if package_id is not None else "one without an id")
        return
    if max(len(package_id), len(str(resolved)), len(str(requested))) > LONGEST_TEXT:
        odd.append(package_id)
        return
    path = (package_id,) if direct else ()
    line = places.get(package_id.lower())
    requirements.append(Requirement(package_id, resolved, requested, framework, direct=direct, path=path, line=line))


def _asked_for_all(document: Object) -> bool:
    return "--include-transitive" in str(document.get("parameters"))


def _chosen(document: Object) -> tuple[str, ...]:
    """That the listing leaves packages out, where it was asked for some kinds of them only."""
    said = [option for option in _CHOOSE if option in str(document.get("parameters"))]
    return (f"it lists only what `dotnet list package {' '.join(said)}` does, and not all packages",) if said else ()


def _problems(document: Object) -> tuple[str, ...]:
    """What dotnet itself complained about, and so may not have listed."""
    found = [content.said(one.get("text")) for one in content.objects(document.get("problems"))]
    said = [plain(text, 200) for text in found if text]
    return tuple(f"dotnet reports: {text}" for text in said[:_MOST_PROBLEMS])
