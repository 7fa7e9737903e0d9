"""The packages that manifests require, each version once, with everywhere that requires it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pkgintel.audit.manifests import purl
from pkgintel.audit.manifests.requirement import Manifest, Requirement, Scope, some
from pkgintel.errors import SettingsError
from pkgintel.text import plain

_STRONGEST: tuple[Scope, ...] = ("runtime", "unknown", "development")


@dataclass(frozen=True, slots=True)
class Origin:
    """One place that requires a package: the manifest's path, the framework, and who brings it."""

    input: str
    framework: str | None
    path: tuple[str, ...]
    line: int | None
    direct: bool | None


@dataclass(frozen=True, slots=True)
class Package:
    """A version of a package, as all manifests together require it.

    `direct` where any of them asks for it itself, None where nobody says; `scope` is development only where all agree.
    """

    package_key: str
    version_key: str
    package_id: str
    version: str | None
    requested: str | None
    direct: bool | None
    scope: Scope
    origins: tuple[Origin, ...]

    @property
    def key(self) -> tuple[str, str]:
        """Package key and version key."""
        return self.package_key, self.version_key

    @property
    def purl(self) -> str:
        """The package URL; without a version where none is resolved."""
        return purl.write(self.package_id, self.version)

    @property
    def label(self) -> str:
        """Id and version as a person reads them."""
        return f"{self.package_id} {self.version if self.version is not None else self.requested}"


@dataclass(frozen=True, slots=True)
class Selection:
    """What of the manifests is looked at."""

    direct_only: bool = False
    without_development: bool = False
    framework: str | None = None

    def takes(self, one: Requirement) -> bool:
        """Whether a requirement belongs to it; what nobody calls indirect counts as direct."""
        if self.direct_only and one.direct is False:
            return False
        if self.framework is not None and one.framework is not None:
            return one.framework.lower().partition("/")[0] == self.framework.lower()
        return True


def gather(manifests: Sequence[Manifest], selection: Selection) -> list[Package]:
    """The packages of all manifests, sorted by key and version. Raises: SettingsError for a framework of none."""
    _require_framework(manifests, selection.framework)
    found: dict[tuple[str, str], list[tuple[str, Requirement]]] = {}
    for manifest in manifests:
        for one in filter(selection.takes, manifest.requirements):
            found.setdefault(one.key, []).append((manifest.path, one))
    packages = [_merged(key, places) for key, places in found.items()]
    if selection.without_development:
        packages = [one for one in packages if one.scope != "development"]
    return sorted(packages, key=lambda one: (one.package_key, one.version_key))


def _require_framework(manifests: Sequence[Manifest], framework: str | None) -> None:
    """Nothing would be looked at where it is misspelt, and the audit would pass."""
    if framework is None:
        return
    named = {one.framework.partition("/")[0] for each in manifests for one in each.requirements if one.framework}
    if named and framework.lower() not in {one.lower() for one in named}:
        they = some(sorted(named))
        raise SettingsError(f"--framework {plain(framework, 40)} is in no manifest here: they have {they}.")


def _merged(key: tuple[str, str], places: list[tuple[str, Requirement]]) -> Package:
    first = places[0][1]
    origins = [Origin(path, one.framework, one.path, one.line, one.direct) for path, one in places]
    directs = {one.direct for _, one in places}
    scopes = {one.scope for _, one in places}
    return Package(
        package_key=key[0],
        version_key=key[1],
        package_id=first.package_id,
        version=first.version,
        requested=next((one.requested for _, one in places if one.requested is not None), None),
        direct=True if True in directs else False if False in directs else None,
        scope=next(scope for scope in _STRONGEST if scope in scopes),
        origins=tuple(dict.fromkeys(origins)),
    )
