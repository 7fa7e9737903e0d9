"""What a manifest requires: a package in a version, by which framework, and who brings it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from pkgintel.errors import ManifestUnreadable
from pkgintel.nuget import version
from pkgintel.nuget.documents import package_key
from pkgintel.text import many, plain

Format: TypeAlias = Literal[
    "lock", "assets", "config", "props", "cyclonedx", "spdx", "dotnet-list", "purls"
]  # fmt: skip
FORMATS: tuple[Format, ...] = get_args(Format)
Scope: TypeAlias = Literal["runtime", "development", "unknown"]
Closure: TypeAlias = Literal["full", "direct"]

LONGEST_TEXT = 400  # Characters of an id or a version; nuget.org takes 128 and 64.
MOST_PACKAGES = 25_000  # Of one manifest; the largest of real solutions have some thousands.
MOST_REQUIREMENTS = 100_000  # The same, for every framework and runtime.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Requirement:
    """One package as one framework of a manifest requires it.

    `version` is the one that is resolved, None where the manifest does not say which; `requested` is what was asked
    for, as written. `path` leads from a direct requirement to this one, both included. `direct` is None where nobody
    says. `line` counts from 1.
    """

    package_id: str
    version: str | None
    requested: str | None = None
    framework: str | None = None
    direct: bool | None = None
    scope: Scope = "unknown"
    path: tuple[str, ...] = ()
    line: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Package key and version key; the version as it is written where NuGet would not accept it."""
        said = self.version if self.version is not None else f"?{self.requested}"
        return package_key(self.package_id), version_key(said)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was read. `feeds` are the package sources that it names; `notes` say what is not in the list."""

    path: str
    format: Format
    closure: Closure
    requirements: tuple[Requirement, ...]
    notes: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()

    def at(self, path: str) -> "Manifest":
        """The same manifest under the path that a person knows it by."""
        return replace(self, path=path)

    def noted(self, *notes: str) -> "Manifest":
        """The same manifest with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    @property
    def packages(self) -> int:
        """How many distinct versions of packages it requires."""
        return len({one.key for one in self.requirements})


def require_few(number: int) -> None:
    """Raises: ManifestUnreadable where a manifest requires more than a reader goes on with."""
    if number > MOST_REQUIREMENTS:
        raise ManifestUnreadable(f"it requires more than {MOST_PACKAGES:,} packages")


def version_key(text: str) -> str:
    """The key that names a version, in lower case as written where it is none."""
    try:
        return version.parse(text).key
    except ValueError:
        return text.strip().lower()


def some(names: Iterable[str]) -> str:
    """The first of many names, and how many more there are."""
    known = list(dict.fromkeys(names))
    shown = ", ".join(plain(name, 80) for name in known[:_NAMED])
    return shown + (f" and {len(known) - _NAMED:,} more" if len(known) > _NAMED else "")


def skipped(why: str, names: Iterable[str]) -> tuple[str, ...]:
    """A note about entries that are not judged, if there are any: "2 entries not judged, without a version: a, b"."""
    known = list(names)
    return (f"{many(len(known), 'entry', 'entries')} not judged, {why}: {some(known)}",) if known else ()


def of_other_ecosystems(kinds: Iterable[str]) -> tuple[str, ...]:
    """A note about the components that are no NuGet packages, counted by their kind."""
    counts = Counter(kinds)
    if not counts:
        return ()
    shown = ", ".join(f"{plain(kind, 20)} {number:,}" for kind, number in sorted(counts.items())[:20])
    return (f"{many(sum(counts.values()), 'component')} of other ecosystems not judged: {shown}",)
