"""Project files, and the versions that Directory.Packages.props keeps for all of them: what is asked for directly.

Nothing is built or restored: conditions are not evaluated, so whatever may be required is listed.
Source: NuGet docs "PackageReference in project files", "Central Package Management".
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pkgintel.audit.manifests import content
from pkgintel.audit.manifests.content import Element
from pkgintel.audit.manifests.requirement import LONGEST_TEXT, Manifest, Requirement, Scope, require_few, skipped
from pkgintel.errors import ManifestUnreadable
from pkgintel.nuget import version
from pkgintel.nuget.documents import package_key

_PLACE = re.compile(r"""\b(?:Include|Update)\s*=\s*["']\s*([^"';\s]{1,400})""", re.IGNORECASE)
_PROPERTY = re.compile(r"\$\(\s*([\w.-]{1,200})\s*\)")
_RANGE = re.compile(r"\[\s*([^,\[\]()\s]+)\s*(?:,\s*[^,\[\]()]*[\])]|\])")
_NESTED = 10  # How often a property may be made of others.
_BUILD_ONLY = ("globalpackagereference", "packagedownload", "dotnetclitoolreference")
_REFERENCES = ("packagereference", *_BUILD_ONLY)


@dataclass
class _Project:
    """What the files of one project say, the outermost read first."""

    properties: dict[str, str] = field(default_factory=dict)
    versions: dict[str, dict[str, None]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    references: dict[tuple[str, str | None, Scope], str] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)
    _taken: int = 0

    def read(self, root: Element) -> None:
        for group in root.iter():
            kind = content.name(group).lower()
            if kind == "propertygroup":
                for one in group:
                    if one.text is not None and not len(one) and len(one.text) <= LONGEST_TEXT:
                        self.properties[content.name(one).lower()] = one.text.strip()
            elif kind == "packageversion":
                self._version(group)
            elif kind in _REFERENCES:
                self._reference(group, kind)
            elif kind in ("project", "sdk"):
                self._sdk(group, kind)

    def _version(self, item: Element) -> None:
        said = _either(item, "version")
        for package_id in _names(item):
            if said is None:
                self.odd.append(package_id)
                continue
            key = package_key(package_id)
            self.ids.setdefault(key, package_id)
            self.versions.setdefault(key, {})[said] = None
            self._count()

    def _reference(self, item: Element, kind: str) -> None:
        assets = _either(item, "privateassets")
        is_build = kind in _BUILD_ONLY or (assets is not None and "all" in assets.lower().replace(" ", "").split(";"))
        scope: Scope = "development" if is_build else "runtime"
        own = _either(item, "versionoverride")
        own = own if own is not None else _either(item, "version")
        for package_id in _names(item):
            # A package may be downloaded in several versions.
            for one in _parts(own) if own is not None and kind == "packagedownload" else [own]:
                self.references.setdefault((package_id, one, scope), kind)
                self._count()

    def _count(self) -> None:
        self._taken += 1
        require_few(self._taken)

    def _sdk(self, element: Element, kind: str) -> None:
        """SDKs that name a version are packages too: <Project Sdk="Id/1.2.3">, <Sdk Name="Id" Version="1.2.3">."""
        if kind == "sdk":
            name, said = content.attribute(element, "name"), content.attribute(element, "version")
            pairs = [(name, said)] if name is not None and said is not None else []
        else:
            named = content.attribute(element, "sdk")
            parts = [one.partition("/") for one in _parts(named)]
            pairs = [(name, said) for name, slash, said in parts if slash]
        for name, said in pairs:
            if name and said and len(name) + len(said) <= LONGEST_TEXT:
                self.references.setdefault((name, said, "development"), kind)

    def expanded(self, text: str) -> str:
        """The text with the properties that are known filled in; what grows too long is left as it is."""
        for _ in range(_NESTED):
            if len(text) > LONGEST_TEXT:
                break
            text = _PROPERTY.sub(lambda found: self.properties.get(found[1].lower(), found[0]), text)
        return text.strip()


def read(body: bytes, around: Sequence[bytes] = ()) -> Manifest:
    """The packages of a project file, and what a Directory.Packages.props lets projects use.

    `around` are the files that MSBuild reads before it (Directory.Build.props, Directory.Packages.props).
    Raises: ManifestUnreadable.
    """
    root = content.xml(body)
    if content.name(root) != "Project":
        raise ManifestUnreadable("its root is no <Project>, as that of an MSBuild file is")
    project = _Project()
    for outermost in around:
        outer = content.xml(outermost)
        if content.name(outer) == "Project":
            project.read(outer)
    project.read(root)
    places = content.lines(body.replace(b"\0", b"").decode("utf-8", "replace"), _PLACE)
    requirements: list[Requirement] = []
    for one in _required(project, places):
        requirements.append(one)
        require_few(len(requirements))
    used = {package_key(one.package_id) for one in requirements}
    requirements += _allowed(project, places, [key for key in _kept_centrally(root) if key not in used])
    unresolved = [f"{one.package_id} {one.requested}" for one in requirements if one.version is None]
    notes: tuple[str, ...] = ("direct packages only: the lock file or obj/project.assets.json of a restore lists all",)
    notes += skipped("with a version that only a restore resolves", unresolved)
    notes += skipped("without a version", project.odd)
    return Manifest("", "props", "direct", tuple(requirements), notes)


def _required(project: _Project, places: dict[str, int]) -> Iterable[Requirement]:
    for package_id, own, scope in project.references:
        key = package_key(package_id)
        for said in [own] if own is not None else project.versions.get(key, (None,)):
            requested = project.expanded(said) if said is not None else "no version"
            yield Requirement(
                package_id=package_id,
                version=lowest(requested),
                requested=requested,
                direct=True,
                scope=scope,
                path=(package_id,),
                line=places.get(package_id.lower()),
            )


def _kept_centrally(root: Element) -> Iterable[str]:
    """The packages whose versions this very file keeps for projects; a property of that name is no such item."""
    items = (one for one in root.iter() if content.name(one).lower() == "packageversion")
    return dict.fromkeys(package_key(package_id) for item in items for package_id in _names(item))


def _allowed(project: _Project, places: dict[str, int], keys: Iterable[str]) -> Iterable[Requirement]:
    """What projects may use, though nobody here says that one does."""
    for key in keys:
        for said in project.versions.get(key, ()):
            requested, package_id = project.expanded(said), project.ids[key]
            yield Requirement(package_id, lowest(requested), requested, line=places.get(package_id.lower()))


def lowest(requested: str) -> str | None:
    """The version that NuGet takes for what is asked for: the lowest; None where only the feed can say ("1.*").

    Source: NuGet docs "Package versioning", "Version ranges", and "Dependency resolution", "Lowest applicable version".
    """
    found = _RANGE.fullmatch(requested)
    text = found[1] if found else requested
    try:
        version.parse(text)
    except ValueError:
        return None
    return text


def _names(item: Element) -> list[str]:
    """The ids of an item; Include may list several. Properties and wildcards name no package."""
    named = content.attribute(item, "include") or content.attribute(item, "update")
    return [one for one in _parts(named) if one and len(one) <= LONGEST_TEXT and "*" not in one]


def _parts(text: str | None) -> list[str]:
    """What semicolons separate, each stripped."""
    require_few(text.count(";") if text is not None else 0)
    return [one.strip() for one in text.split(";")] if text is not None else []


def _either(item: Element, wanted: str) -> str | None:
    """Metadata as an attribute or as a child element."""
    found = content.attribute(item, wanted)
    return found if found is not None else content.inner(item, wanted)
