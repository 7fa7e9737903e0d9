"""Where the manifests are: files, the standard input, and per project of a directory the one that says most.

Of a project the assets of its restore say most, then its lock file, then packages.config, then the project file with
the versions that are kept centrally.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pkgintel.audit.manifests import content, sniff
from pkgintel.audit.manifests.requirement import Format, Manifest, some
from pkgintel.errors import ManifestUnreadable
from pkgintel.nuget.documents import package_key
from pkgintel.text import plain

STDIN = "-"
_MOST_DIRECTORIES = 50_000
_LEFT_OUT = {".git", ".hg", ".svn", ".vs", "node_modules", ".venv", "bin", "obj"}
_PROJECT = re.compile(r".+\.(?:cs|fs|vb|vcx|sql|es|njs|dc)?proj", re.IGNORECASE)
_LOCK = re.compile(r"packages(?:\..+)?\.lock\.json", re.IGNORECASE)
_BOM = re.compile(r"bom\.(?:json|xml)|.+\.(?:cdx\.json|cdx\.xml|spdx\.json)", re.IGNORECASE)
_IN_SOLUTION = re.compile(r"""["']([^"'\n]{1,400}\.[A-Za-z]{0,4}proj)["']""")


@dataclass(frozen=True, slots=True)
class Source:
    """A manifest as it was read; a bill of materials with its bytes, for a report that is written into it."""

    manifest: Manifest
    body: bytes
    file: Path | None = None


def read(paths: Sequence[str], kind: Format | None, stdin: BinaryIO) -> list[Source]:
    """The manifests at `paths`: files, directories, solutions, or "-" for `stdin`.

    Raises: ManifestUnreadable with the path and what is wrong there.
    """
    found: list[Source] = []
    for path in dict.fromkeys(paths):
        if path == STDIN:
            found.append(_read(STDIN, stdin.read(content.LARGEST + 1), kind))
        elif _is_directory(path):
            found += _of_directory(Path(path))
        elif path.lower().endswith((".sln", ".slnx", ".slnf")):
            found += _of_solution(Path(path))
        else:
            found.append(_of_file(Path(path), kind))
    return found


def _is_directory(path: str | Path) -> bool:
    """Whether a directory is there. Raises: ManifestUnreadable for what the system does not take as a path."""
    try:
        return Path(path).is_dir()
    except OSError as error:
        raise _unreadable(path, error) from None


def shown(path: Path) -> str:
    """A path as reports have it: relative to where the command runs where it lies below, with slashes."""
    try:
        return path.resolve().relative_to(Path.cwd().resolve()).as_posix()
    except (ValueError, OSError):
        return path.as_posix()


def _of_file(path: Path, kind: Format | None = None) -> Source:
    body = _bytes(path)
    around = _around(path) if _PROJECT.fullmatch(path.name) or path.suffix.lower() == ".props" else ()
    return _read(shown(path), body, kind, around, path)


def _read(
    shown_path: str, body: bytes, kind: Format | None, around: tuple[bytes, ...] = (), file: Path | None = None
) -> Source:
    try:
        found = sniff.read(body, kind, around).at(shown_path)
    except ManifestUnreadable as error:
        name = "The standard input" if shown_path == STDIN else plain(shown_path, 300)
        raise ManifestUnreadable(f"{name} cannot be read as a manifest: {error}.") from None
    return Source(found, body if found.format == "cyclonedx" else b"", file)


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            why = "it is no file" if path.exists() else "there is no such file"
            raise ManifestUnreadable(f"{plain(path, 300)} cannot be read: {why}.")
        with path.open("rb") as file:
            return file.read(content.LARGEST + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: str | Path, error: Exception) -> ManifestUnreadable:
    why = error.strerror if isinstance(error, OSError) and error.strerror else "its name is none"
    return ManifestUnreadable(f"{plain(path, 300)} cannot be read: {why[:1].lower()}{why[1:]}.")


def _around(path: Path) -> tuple[bytes, ...]:
    """What MSBuild reads before a project file: the nearest of each, from its own directory up."""
    found = []
    for name in ("Directory.Build.props", "Directory.Packages.props"):
        near = (folder / name for folder in path.resolve().parents)
        file = next((file for file in near if file.is_file() and file != path.resolve()), None)
        if file is not None:
            found.append(_bytes(file))
    return tuple(body for body in found if _is_xml(body))


def _is_xml(body: bytes) -> bool:
    try:
        content.xml(body)
    except ManifestUnreadable:
        return False  # The project itself may still be read; what lacks a version is named in a note.
    return True


def _of_solution(path: Path) -> list[Source]:
    text = _bytes(path).decode("utf-8-sig", "replace")
    names = dict.fromkeys(name.replace("\\", "/").replace("//", "/") for name in _IN_SOLUTION.findall(text))
    files = {name: path.parent / name for name in names}
    folders = {file.parent: None for file in files.values() if _is_there(file)}
    gone = [name for name, file in files.items() if not _is_there(file)]
    found = [source for folder in folders for source in _of_project(folder)]
    if not found:
        raise ManifestUnreadable(f"{plain(path, 300)} names no project that is there.")
    if gone:
        found[0] = _noted(found[0], f"projects of the solution that are not there: {some(gone)}")
    return found


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:
        return False  # A name that the system does not take, or a folder that may not be looked into.


def _of_directory(root: Path) -> list[Source]:
    found: list[Source] = []
    others: list[Path] = []
    central: list[Path] = []
    for folder, files in _walk(root):
        if any(_is_of_project(name) for name in files):
            found += _of_project(folder)
        elif (folder / "obj" / "project.assets.json").is_file():
            found.append(_of_file(folder / "obj" / "project.assets.json"))
        others += [folder / name for name in files if _BOM.fullmatch(name)]
        central += [folder / name for name in files if name.lower() == "directory.packages.props"]
    # Without a project a list of versions, or a bill of materials, is all there is.
    found = found or [_of_file(path) for path in (others or central)]
    if not found:
        raise ManifestUnreadable(
            f"{plain(root.absolute(), 300)} holds no manifest: no project, packages.lock.json, packages.config or bill "
            "of materials."
        )
    if others and found[0].file not in others:
        found[0] = _noted(found[0], f"bills of materials beside the projects, not read: {some(map(shown, others))}")
    return found


def _is_of_project(name: str) -> bool:
    return bool(_PROJECT.fullmatch(name) or _LOCK.fullmatch(name)) or name.lower() == "packages.config"


def _walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    for seen, (folder, folders, files) in enumerate(os.walk(root)):
        if seen >= _MOST_DIRECTORIES:
            raise ManifestUnreadable(
                f"{plain(root, 300)} holds more than {_MOST_DIRECTORIES:,} directories: name the solution inside of it."
            )
        folders[:] = sorted(name for name in folders if name.lower() not in _LEFT_OUT)
        yield Path(folder), sorted(files)


def _of_project(folder: Path) -> list[Source]:
    """The manifests that say most about the projects of one folder."""
    names = sorted(one.name for one in folder.iterdir() if one.is_file())
    projects = [folder / name for name in names if _PROJECT.fullmatch(name)]
    locks = [folder / name for name in names if _LOCK.fullmatch(name)]
    assets = folder / "obj" / "project.assets.json"
    config = next((folder / name for name in names if name.lower() == "packages.config"), None)
    if assets.is_file():
        found = [_of_file(assets)]
    elif locks:
        found = [_of_file(path) for path in locks]
    elif config is not None:
        found = [_of_file(config)]
    else:
        return [_of_file(path) for path in projects]
    return [_noted(found[0], *_stale(found, projects)), *found[1:]]


def _stale(found: Iterable[Source], projects: Iterable[Path]) -> Iterator[str]:
    """What a project asks for and its lock file does not know: the lock file is older than the project."""
    known = {package_key(one.package_id) for source in found for one in source.manifest.requirements}
    for path in projects:
        if next(iter(found)).manifest.format == "config":
            return
        try:
            asked = _of_file(path).manifest.requirements
        except ManifestUnreadable as error:
            yield str(error)
            continue
        used = [one.package_id for one in asked if one.scope == "runtime"]
        missing = [package_id for package_id in used if package_key(package_id) not in known]
        if missing:
            yield f"{shown(path)} asks for packages that are not in here, so it is older: {some(missing)}"


def _noted(source: Source, *notes: str) -> Source:
    return Source(source.manifest.noted(*notes), source.body, source.file)
