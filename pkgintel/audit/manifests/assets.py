"""obj/project.assets.json, version 3: what a restore resolved, with the graph and with what is used to build only.

Source: NuGet.ProjectModel, LockFileFormat and PackageSpec.
"""

import re

from pkgintel.audit.manifests import content
from pkgintel.audit.manifests.content import Object
from pkgintel.audit.manifests.graph import Ways
from pkgintel.audit.manifests.requirement import LONGEST_TEXT, Manifest, Requirement, Scope, require_few, skipped
from pkgintel.errors import ManifestUnreadable
from pkgintel.nuget.documents import package_key

_PLACE = re.compile(r'"([^"\n]{1,800})"\s*:\s*\{')
_LONG_NAME = re.compile(r"\.(NETFramework|NETStandard|NETCoreApp),Version=v([0-9.]+)")
_MOST_LOOKS = 10  # At each direct dependency of a framework, which is looked at again for each of its runtimes.


class _Target:
    """One framework of the document: its packages, its graph, and what the project itself asks for."""

    def __init__(self, name: str, entries: Object, asked: Object) -> None:
        self.name = _short(name)
        self.entries = {place: content.members(entry) for place, entry in entries.items()}
        self._names = {place: place.partition("/")[0] for place in self.entries}
        self._places = {package_key(place.partition("/")[0]): place for place in self.entries}
        self.asked = {package_key(one): content.members(entry) for one, entry in asked.items()}
        edges = {place: self._after(entry) for place, entry in self.entries.items()}
        build = [one for one, entry in self.asked.items() if _is_build_only(entry)]
        projects = [place for place, entry in self.entries.items() if entry.get("type") == "project"]
        used = [self._places[one] for one in self.asked if one not in build and one in self._places]
        self.used = Ways([*used, *projects], edges)
        self.built = Ways([self._places[one] for one in build if one in self._places], edges)

    def _after(self, entry: Object) -> list[str]:
        keys = (package_key(one) for one in content.members(entry.get("dependencies")))
        return [self._places[one] for one in keys if one in self._places]

    def requirement(self, place: str, line: int | None) -> Requirement:
        """What the framework requires at `place`, "Id/1.2.3"."""
        package_id, _, resolved = place.partition("/")
        asked = self.asked.get(package_key(package_id))
        scope: Scope = "runtime" if place in self.used else "development" if place in self.built else "unknown"
        way = (self.used if place in self.used else self.built).to(place)
        return Requirement(
            package_id=package_id,
            version=resolved,
            requested=content.said(asked.get("version")) if asked else None,
            framework=self.name,
            direct=asked is not None,
            scope=scope,
            path=tuple(self._names.get(one, one) for one in way) if asked is None else (package_id,),
            line=line,
        )


def read(body: bytes) -> Manifest:
    """The packages of an assets file. Raises: ManifestUnreadable."""
    document = content.json_object(body)
    targets, libraries = document.get("targets"), document.get("libraries")
    if not isinstance(targets, dict) or not isinstance(libraries, dict):
        raise ManifestUnreadable("it has no objects `targets` and `libraries`, as a project.assets.json has")
    project = content.members(document.get("project"))
    direct = {
        _short(name): content.members(content.members(one).get("dependencies"))
        for name, one in content.members(project.get("frameworks")).items()
    }
    require_few(sum(len(direct.get(_short(name).partition("/")[0], ())) for name in targets) // _MOST_LOOKS)
    places = content.lines(content.text(body), _PLACE)
    requirements: list[Requirement] = []
    listed: set[str] = set()
    odd: list[str] = []
    for name, entries in targets.items():
        wanted = direct.get(_short(name).partition("/")[0], {})
        target = _Target(name, content.members(entries), wanted)
        for place, entry in target.entries.items():
            if entry.get("type") == "project":
                continue
            if not _is_place(place):
                odd.append(place)
                continue
            listed.add(place)
            requirements.append(target.requirement(place, places.get(place.lower())))
    requirements += _libraries_alone(libraries, listed, places, odd)
    sources = content.members(content.members(project.get("restore")).get("sources"))
    notes = skipped("without a package and version in the name", odd)
    return Manifest("", "assets", "full", tuple(requirements), notes, tuple(sources))


def _libraries_alone(libraries: Object, listed: set[str], places: dict[str, int], odd: list[str]) -> list[Requirement]:
    """What was restored and is used for no framework."""
    found = []
    for place, library in libraries.items():
        if content.members(library).get("type") == "project" or place in listed:
            continue
        if not _is_place(place):
            odd.append(place)
            continue
        package_id, _, resolved = place.partition("/")
        found.append(Requirement(package_id, resolved, line=places.get(place.lower())))
    return found


def _is_place(place: str) -> bool:
    package_id, _, resolved = place.partition("/")
    return bool(package_id.strip() and resolved.strip()) and len(place) <= LONGEST_TEXT


def _is_build_only(asked: Object) -> bool:
    """Whether nothing of the package reaches those who use the project: PrivateAssets="all"."""
    return str(asked.get("suppressParent")).lower() == "all"


def _short(framework: str) -> str:
    """The framework as projects name it: ".NETFramework,Version=v4.5" is net45. A runtime behind it stays."""
    name, slash, runtime = framework.partition("/")
    match = _LONG_NAME.fullmatch(name)
    if match:
        number = match[2]
        kind = {"NETFramework": "net", "NETStandard": "netstandard", "NETCoreApp": "netcoreapp"}[match[1]]
        if kind == "netcoreapp" and number.split(".")[0].isdigit() and int(number.split(".")[0][:4]) >= 5:
            kind = "net"
        name = kind + (number.replace(".", "") if match[1] == "NETFramework" else number)
    return name + slash + runtime
