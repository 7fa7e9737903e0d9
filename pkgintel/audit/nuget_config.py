"""nuget.config as it lies around a solution: package sources, their credentials, and which ids come from which.

Source: NuGet docs "nuget.config reference", "Consuming packages from authenticated feeds", "Package Source Mapping".
"""

import base64
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pkgintel.audit.manifests import content
from pkgintel.audit.manifests.content import Element
from pkgintel.errors import ManifestUnreadable
from pkgintel.text import plain

if TYPE_CHECKING:
    from pkgintel.upstream.client import Credentials

_MOST_BYTES = 1_000_000
_VARIABLE = re.compile(r"%([^%\s]{1,200})%")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_IN_ENVIRONMENT = "NuGetPackageSourceCredentials_"


@dataclass
class NugetConfig:
    """What all files together say; `sources` go from name to address, `patterns` from name to patterns of ids."""

    sources: dict[str, str] = field(default_factory=dict)
    patterns: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _secrets: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)

    def address(self, source: str) -> str:
        """The address of a source that may be given by its name in nuget.config."""
        names = {name.lower(): url for name, url in self.sources.items()}
        return names.get(source.lower(), source)

    def credentials(self, url: str, environ: Mapping[str, str]) -> "Credentials | None":
        """What to say to the source at `url`: of the environment, else of nuget.config."""
        name = next((name for name, one in self.sources.items() if _same(one, url)), None)
        if name is None:
            return None
        secret = _of_environment(environ, name)
        secret = secret if secret is not None else self._secrets.get(name.lower())
        if secret is None:
            return None
        from pkgintel.upstream import origins  # Slow to import, and seldom needed.
        from pkgintel.upstream.client import Credentials

        word = base64.b64encode(f"{secret[0]}:{secret[1]}".encode()).decode()
        return Credentials(origins.origin(url), f"Basic {word}")

    def comes_from(self, package_id: str, url: str) -> bool:
        """Whether an id may be asked for at the source at `url`: the most specific pattern of all decides."""
        if not self.patterns:
            return True
        name = package_id.lower()
        matching = [
            (_weight(pattern), source)
            for source, patterns in self.patterns.items()
            for pattern in patterns
            if _matches(pattern, name)
        ]
        best = max((weight for weight, _ in matching), default=None)
        return any(weight == best and _same(self.address(source), url) for weight, source in matching)

    def add(self, root: Element, environ: Mapping[str, str]) -> None:
        """Add what one file says; what is known already comes from a file that is nearer."""
        for section in root:
            kind = content.name(section).lower()
            if kind == "packagesources":
                self._add_sources(section, environ)
            elif kind == "packagesourcecredentials":
                self._add_secrets(section, environ)
            elif kind == "packagesourcemapping":
                self._add_patterns(section)

    def _add_sources(self, section: Element, environ: Mapping[str, str]) -> None:
        known = {name.lower() for name in self.sources}
        for one in content.children(section, "add"):
            name, url = content.attribute(one, "key"), content.attribute(one, "value")
            if name is not None and url is not None and name.lower() not in known:
                self.sources[name] = _expanded(url, environ)

    def _add_secrets(self, section: Element, environ: Mapping[str, str]) -> None:
        for source in section:
            name = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), content.name(source))
            said = {
                key.lower(): _expanded(value, environ)
                for one in content.children(source, "add")
                if (key := content.attribute(one, "key")) and (value := content.attribute(one, "value"))
            }
            if "username" in said and "cleartextpassword" in said:
                self._secrets.setdefault(name.lower(), (said["username"], said["cleartextpassword"]))
            elif "password" in said:
                self.notes.append(
                    f"the password of {plain(name, 80)} in nuget.config is encrypted for one machine; "
                    f"{_IN_ENVIRONMENT}{plain(name, 80)} may hold it"
                )

    def _add_patterns(self, section: Element) -> None:
        for source in content.children(section, "packageSource"):
            name = content.attribute(source, "key")
            named = [content.attribute(one, "pattern") for one in content.children(source, "package")]
            if name is not None and name not in self.patterns:
                self.patterns[name] = [pattern for pattern in named if pattern is not None]


def read(folders: Iterable[Path], environ: Mapping[str, str], home: Path | None = None) -> NugetConfig:
    """What the nuget.config files of `folders` say, the nearest first, and the one of the user in `home`.

    A file that cannot be read is named in a note.
    """
    found = NugetConfig()
    users = [home / ".nuget" / "NuGet", home / ".config" / "NuGet"] if home is not None else []
    for folder in dict.fromkeys([*folders, *users]):
        file = _file(folder)
        if file is None:
            continue
        try:
            with file.open("rb") as opened:
                found.add(content.xml(opened.read(_MOST_BYTES)), environ)
        except (OSError, ManifestUnreadable) as error:
            found.notes.append(f"{plain(file, 200)} cannot be read and says nothing: {plain(error, 200)}")
    return found


def upwards(start: Path) -> list[Path]:
    """A folder and those around it, up to the root of its git repository, or it alone outside of one."""
    folders = [start, *start.parents]
    top = next((place for place, folder in enumerate(folders) if (folder / ".git").exists()), 0)
    return folders[: top + 1]


def _file(folder: Path) -> Path | None:
    try:
        names = sorted(one for one in os.listdir(folder) if one.lower() == "nuget.config")  # noqa: PTH208
    except OSError:
        return None
    return folder / names[0] if names else None


def _of_environment(environ: Mapping[str, str], name: str) -> tuple[str, str] | None:
    """`Username=…;Password=…` in the variable that NuGet itself reads."""
    wanted = (_IN_ENVIRONMENT + name).lower()
    text = next((value for key, value in environ.items() if key.lower() == wanted), None)
    if text is None:
        return None
    said = dict(part.strip().partition("=")[::2] for part in text.split(";") if "=" in part)
    said = {key.strip().lower(): value for key, value in said.items()}
    return (said["username"], said["password"]) if {"username", "password"} <= set(said) else None


def _expanded(text: str, environ: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: environ.get(found[1], found[0]), text)


def _same(one: str, other: str) -> bool:
    return one.rstrip("/").lower() == other.rstrip("/").lower()


def _matches(pattern: str, name: str) -> bool:
    pattern = pattern.lower()
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _weight(pattern: str) -> int:
    """An exact id is more than any prefix, and a longer prefix more than a shorter one."""
    return len(pattern) if pattern.endswith("*") else 10_000
