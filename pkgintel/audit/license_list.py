"""The SPDX license list of an audit: from a file, the database, the home, upstream, or the one that came installed."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from pkgintel import database
from pkgintel.errors import AlreadyRunning, GateFailed, PkgintelError, SettingsError, UpstreamError
from pkgintel.licenses import rows
from pkgintel.licenses.spdx import LicenseList
from pkgintel.sample import source as sample
from pkgintel.settings import Settings

if TYPE_CHECKING:
    from pkgintel.upstream.client import Client

_FRESH = 10 * 86_400  # Seconds for which a kept list is used without asking.
_FOLDER = "spdx"
_NAMES = ("licenses.json", "exceptions.json")


@dataclass(frozen=True, slots=True)
class ListSources:
    """Where a list may be taken from; `client` is None where nothing may be sent."""

    settings: Settings
    given: Path | None
    conn: database.Connection | None
    client: "Callable[[], Client] | None"


def load(among: ListSources, say: Callable[[str], None]) -> LicenseList:
    """The list to judge with, the first that there is.

    Raises: SettingsError where none is to be found, or the file given is none.
    """
    if among.given is not None:
        return rows.read_license_list(among.given)
    stored = _stored(among.conn) if among.conn is not None else None
    if stored is not None:
        return stored
    home = among.settings.home / _FOLDER
    kept = _kept(home)
    if kept is not None and (among.client is None or _age(home) < _FRESH):
        return kept
    if among.client is not None:
        try:
            return _fetched(among, among.client())
        except UpstreamError as error:
            say(f"the SPDX list cannot be fetched ({error})")
    found = kept if kept is not None else _installed()
    if found is None:
        raise SettingsError("There is no SPDX license list to judge with: give one with --spdx FILE.")
    return found


def _stored(conn: database.Connection) -> LicenseList | None:
    from pkgintel.pipeline import sync  # Slow to import, and not needed without a database.

    return sync.stored(conn)


def _fetched(among: ListSources, client: "Client") -> LicenseList:
    from pkgintel.upstream import sources  # As above.

    settings = among.settings
    bodies = [sources.fetch_bytes(client, url) for url in (settings.spdx_licenses_url, settings.spdx_exceptions_url)]
    found = LicenseList.parse(*bodies)
    if among.conn is not None:
        _store(among.conn, settings, found)
    elif settings.home.is_dir():
        _keep(settings.home / _FOLDER, bodies)
    return found


def _store(conn: database.Connection, settings: Settings, found: LicenseList) -> None:
    """Store the list as a sync does, in a run of its own; where that is not possible it is used all the same."""
    from pkgintel.pipeline import runs, sync  # As above.
    from pkgintel.pipeline.states import Action, Kind, Source, State

    with suppress(
        AlreadyRunning, GateFailed, psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction
    ):
        run_id = runs.open_run(conn, Source.SPDX, Action.SYNC, Kind.MANUAL)
        try:
            sync.store(conn, settings, found, run_id)
        except BaseException as error:
            runs.end(conn, run_id, State.FAILED, error=str(error) or type(error).__name__)
            raise


def _kept(folder: Path) -> LicenseList | None:
    try:
        return LicenseList.parse(*((folder / name).read_bytes() for name in _NAMES))
    except (OSError, PkgintelError):
        return None


def _age(folder: Path) -> float:
    try:
        return time.time() - (folder / _NAMES[0]).stat().st_mtime
    except OSError:
        return float("inf")


def _keep(folder: Path, bodies: list[bytes]) -> None:
    """Keep both files, or neither; an audit does not fail for want of room."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        made = []
        for name, body in zip(_NAMES, bodies, strict=True):
            file = folder / f"{name}.{os.getpid()}"
            file.write_bytes(body)
            made.append((file, folder / name))
        for file, place in made:
            file.replace(place)


def _installed() -> LicenseList | None:
    """The official list that came with the package `reuse`, where that is installed."""
    try:
        documents = sample.lists()
    except PkgintelError:
        return None
    return LicenseList.parse(*documents)
