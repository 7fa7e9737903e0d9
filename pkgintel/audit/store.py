"""What Postgres knows of the versions of an audit, and what it keeps of those that were looked up."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import psycopg

from pkgintel import database
from pkgintel.licenses.texts.hand import StoredReading, TextAtHand
from pkgintel.licenses.texts.version import reader_version
from pkgintel.licenses.verdict import Declaration

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """What the catalog brought of a version."""

    declaration: Declaration
    created: datetime | None
    leaf_url: str
    hand: TextAtHand | None


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What was found of a version at a package source; `declaration` is None where it has none such."""

    package_id: str
    version: str
    declaration: Declaration | None
    document_url: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """A version in the list of a package; `declaration` is None where the version stands unread."""

    version: str
    is_prerelease: bool
    declaration: Declaration | None
    created: datetime | None
    hand: TextAtHand | None


@dataclass(frozen=True, slots=True)
class SeenText:
    """What became of the license file inside a version; `reading` is what this reader made of it before."""

    outcome: Literal["have", "missing", "refused"]
    asked: str
    at: datetime
    body: bytes | None = None
    error: str | None = None
    reading: StoredReading | None = None


class Store:
    """The tables that an audit reads, and those that it writes."""

    def __init__(self, conn: database.Connection) -> None:
        self.conn = conn
        self.keeps = True  # Whether what is looked up can be kept; not with a role that only reads.

    def stored(self, keys: Sequence[Key]) -> dict[Key, StoredVersion]:
        """The versions that the catalog brought."""
        rows = database.every(self.conn, "audit/stored", **_columns(keys))
        return {
            _key(row): StoredVersion(_declaration(row), row["created"], row["leaf_url"], _hand(row)) for row in rows
        }

    def looked_up(self, source: str, keys: Sequence[Key]) -> dict[Key, LookedUp]:
        """What was looked up at `source`, in the last 30 days; of those it did not have, in the last day."""
        rows = database.every(self.conn, "audit/looked_up", source_url=source, **_columns(keys))
        return {_key(row): _looked_up(row) for row in rows}

    def keep(self, source: str, found: Mapping[Key, LookedUp]) -> None:
        """Keep what was looked up at `source`, all of it or nothing."""
        if not found or not self.keeps:
            return
        rows = [_row(source, key, one) for key, one in found.items()]
        try:
            with self.conn.transaction(), self.conn.cursor() as cursor:
                cursor.executemany(database.sql("audit/keep"), rows)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction):
            self.keeps = False

    def listed(self, source: str, package_key: str) -> list[str] | None:
        """The versions that `source` listed of a package in the last 30 days (in the last day, where it had none)."""
        row = database.one(self.conn, "audit/listed", source_url=source, package_key=package_key)
        return row["versions"] if row is not None else None

    def keep_list(self, source: str, package_key: str, versions: Sequence[str]) -> None:
        """Keep which versions `source` lists of a package."""
        if not self.keeps:
            return
        try:
            with self.conn.transaction():
                listed = list(versions)
                database.run(self.conn, "audit/keep_list", source_url=source, package_key=package_key, versions=listed)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction):
            self.keeps = False

    def texts(self, source: str, keys: Sequence[Key]) -> dict[Key, SeenText]:
        """What became of the license files of versions that were looked up at `source`."""
        columns = _columns(keys)
        rows = database.every(self.conn, "audit/texts", source_url=source, reader=reader_version(), **columns)
        return {_key(row): _seen(row) for row in rows}

    def keep_texts(self, source: str, found: Mapping[Key, SeenText]) -> None:
        """Keep what became of license files at `source`, the bytes with those of all others."""
        if not found or not self.keeps:
            return
        try:
            with self.conn.transaction():
                for key, one in found.items():
                    self._keep_text(source, key, one)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction):
            self.keeps = False

    def _keep_text(self, source: str, key: Key, one: SeenText) -> None:
        from pkgintel.pipeline import text_sources  # Slow to import, and seldom needed.

        digest = text_sources.keep(self.conn, one.body) if one.body is not None else None
        database.run(
            self.conn,
            "audit/keep_text",
            source_url=source,
            package_key=key[0],
            version_key=key[1],
            outcome=one.outcome,
            asked_url=one.asked,
            sha256=digest,
            error=one.error,
        )

    def versions(self, package_keys: Iterable[str]) -> dict[str, list[KnownVersion]]:
        """All versions of some packages that the catalog brought and that still stand, in their order."""
        found: dict[str, list[KnownVersion]] = defaultdict(list)
        for row in database.every(self.conn, "audit/versions", package_keys=list(package_keys)):
            said = _declaration(row) if row["declared"] else None
            known = KnownVersion(row["version"], row["is_prerelease"], said, row["created"], _hand(row))
            found[row["package_key"]].append(known)
        return found


def _columns(keys: Sequence[Key]) -> dict[str, list[str]]:
    return {"package_keys": [key[0] for key in keys], "version_keys": [key[1] for key in keys]}


def _key(row: database.Row) -> Key:
    return row["package_key"], row["version_key"]


def _hand(row: database.Row) -> TextAtHand | None:
    return TextAtHand.model_validate(row["hand"]) if row["hand"] else None


def _declaration(row: database.Row) -> Declaration:
    return Declaration(row["license_expression"], row["license_file"], row["license_url"])


def _seen(row: database.Row) -> SeenText:
    said = row["reading"]
    reading = StoredReading.model_validate({name: said[name] for name in StoredReading.model_fields}) if said else None
    return SeenText(row["outcome"], row["asked_url"], row["seen_at"], row["bytes"], row["error"], reading)


def _looked_up(row: database.Row) -> LookedUp:
    declaration = _declaration(row) if row["found"] else None
    return LookedUp(row["package_id"], row["version"], declaration, row["document_url"])


def _row(source: str, key: Key, one: LookedUp) -> database.Row:
    said = one.declaration if one.declaration is not None else Declaration()
    return {
        "source_url": source,
        "package_key": key[0],
        "version_key": key[1],
        "package_id": one.package_id,
        "version": one.version,
        "found": one.declaration is not None,
        "license_expression": said.expression,
        "license_file": said.file,
        "license_url": said.url,
        "document_url": one.document_url,
        "body": one.body if one.declaration is not None else None,
    }
