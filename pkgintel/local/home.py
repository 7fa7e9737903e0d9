"""The directory of the embedded services: whose it must be, and that nothing in it leads elsewhere.

Who may write into a home may also plant a link in it, and the services, perhaps as root, would write to where it leads.
"""

import os
import pwd
import shutil
import stat
from pathlib import Path
from typing import IO, Any

from pkgintel.errors import ServiceUnavailable

# What the services write; whatever else lies there is not ours to judge.
_OURS = ("users.", "guardian.", "services.", "sample.", "up.", "last_catalog", "logs", "redis")
_POSTGRES = ("postgres", "binaries")  # May belong to the account that PostgreSQL runs as.
ROOM = 24_000_000  # Bytes: a file of the write-ahead log takes 16 MB.
_REMEDY = "set PKGINTEL_HOME to a directory of your own"


def require_own(home: Path) -> None:
    """Refuse a home that somebody else made, or could plant something in; one that does not exist yet is nobody's.

    It is used where it is a directory, no link, that is ours and that nobody else may write to. Root also uses the home
    of another user, whose own files lie in it. Links in it are followed nowhere but in PostgreSQL's own directory.
    Raises: ServiceUnavailable with one sentence that says what to do; OSError when it cannot be looked at.
    """
    try:
        found = home.lstat()
    except FileNotFoundError:
        return
    if not (stat.S_ISDIR(found.st_mode) or stat.S_ISLNK(found.st_mode)):
        return  # Who makes the directory says it better.
    trusted = {0, os.geteuid()} | ({found.st_uid} if os.geteuid() == 0 else set())
    if stat.S_ISDIR(found.st_mode) and found.st_uid != os.geteuid() and os.geteuid() != 0:
        may = "must not" if found.st_mode & stat.S_IWOTH else "cannot"
        raise ServiceUnavailable(
            f"{home} belongs to {_name(found.st_uid)} and {may} be written by this user: "
            f"{_REMEDY}, or change its owner."
        )
    _require(home, found, trusted)
    for entry in _entries(home):
        look = entry.stat(follow_symlinks=False)
        if entry.name.startswith(_POSTGRES):
            _require(Path(entry.path), look, {*trusted, look.st_uid})
        elif entry.name.startswith(_OURS):
            _require(Path(entry.path), look, trusted)
            for inner in _entries(Path(entry.path)) if entry.is_dir(follow_symlinks=False) else ():
                _require(Path(inner.path), inner.stat(follow_symlinks=False), trusted)


def is_full(home: Path) -> bool:
    """Whether the disk under `home` has less room left than a server needs to start."""
    try:
        return shutil.disk_usage(home).free < ROOM
    except OSError:
        return False


def disk_full(home: Path) -> str:
    """What to say and to do then."""
    return f"disk full: {home} has no room left for the embedded services; make room, or set PKGINTEL_HOME elsewhere."


def open_own(path: Path, mode: str) -> IO[Any]:
    """Open a file of a home to be written; made for its owner alone, and never through a link. Raises: OSError."""
    return open(path, mode, opener=_opener)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    with os.scandir(directory) as entries:
        return list(entries)


def _require(path: Path, found: os.stat_result, trusted: set[int]) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise _link(path)
    if found.st_uid not in trusted:
        raise ServiceUnavailable(f"{path} belongs to {_name(found.st_uid)}: remove it, or {_REMEDY}.")
    if stat.S_ISDIR(found.st_mode) and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ServiceUnavailable(
            f"{path} can be written by other users: look at what lies in it, then `chmod go-w` it, or {_REMEDY}."
        )


def _link(path: Path) -> ServiceUnavailable:
    return ServiceUnavailable(f"{path} is a link, and none is followed: name what it points to, or {_REMEDY}.")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
