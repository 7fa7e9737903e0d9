"""The SPDX license list: fetched, compared by its version, and rewritten whole in one transaction."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from pkgintel import database
from pkgintel.errors import GateFailed
from pkgintel.licenses.spdx import License, LicenseException, LicenseList
from pkgintel.pipeline import checks, gate, runs
from pkgintel.pipeline.checks import Result
from pkgintel.pipeline.states import State
from pkgintel.settings import Settings
from pkgintel.text import many

if TYPE_CHECKING:
    from pkgintel.upstream.client import Client


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a sync did: the list's version, its licenses and exceptions, and whether the tables were rewritten."""

    version: str
    licenses: int
    exceptions: int
    rewritten: bool

    def __str__(self) -> str:
        did = "rewritten" if self.rewritten else "unchanged"
        return f"SPDX list {self.version} {did}, {many(self.licenses, 'license')}"


def sync(conn: database.Connection, settings: Settings, client: "Client", run_id: int) -> SyncResult:
    """Fetch the list and rewrite the tables when its version changed or not all is stored; closes run `run_id`.

    So it does while the gate of the list stands closed, for what is stored may be damaged.

    Versions are opaque: they are compared for equality only. Licenses that left the list leave the table.
    Raises: UpstreamUnavailable, UpstreamChanged; GateFailed when the list is below its floor, and nothing is written.
    """
    from pkgintel.upstream import sources  # Slow to import, and not needed to read the list that is stored.

    found = LicenseList.parse(
        sources.fetch_bytes(client, settings.spdx_licenses_url),
        sources.fetch_bytes(client, settings.spdx_exceptions_url),
    )
    return store(conn, settings, found, run_id)


def store(conn: database.Connection, settings: Settings, found: LicenseList, run_id: int) -> SyncResult:
    """Make `found` the stored list, unless that has its version already; closes run `run_id`.

    Raises: GateFailed when the list is below its floor, and nothing is written.
    """
    licenses, exceptions = len(found.licenses), len(found.exceptions)
    stored = database.the(conn, "spdx/version")
    same = (stored["version"], stored["licenses"], stored["exceptions"]) == (found.version, licenses, exceptions)
    if same and not gate.stands_closed(conn, settings, checks.LICENSES):
        note = "the version is unchanged"
        runs.end(conn, run_id, State.CAUGHT_UP, settled=False, list_version=found.version, note=note)
        return SyncResult(found.version, licenses, exceptions, rewritten=False)
    floor = _floor(found, settings)
    if not floor.passed:
        gate.record(conn, [floor], run_id)
        error = f"Gate {checks.LICENSES} is closed. {floor.message}. List {found.version} was not stored."
        runs.end(conn, run_id, State.BLOCKED, error=error, list_version=found.version)
        raise GateFailed(error)
    with conn.transaction():
        rewrite(conn, found)
        runs.end(conn, run_id, State.DONE, settled=False, list_version=found.version, licenses=licenses)
    return SyncResult(found.version, licenses, exceptions, rewritten=True)


def rewrite(conn: database.Connection, found: LicenseList) -> None:
    """Make the tables equal to `found`, removals included, inside the caller's transaction."""
    database.run(conn, "spdx/lock")
    database.run(conn, "spdx/delete_licenses", ids=[license_.license_id for license_ in found.licenses.values()])
    database.run(
        conn, "spdx/delete_exceptions", ids=[exception.exception_id for exception in found.exceptions.values()]
    )
    with conn.cursor() as cursor:
        cursor.executemany(
            database.sql("spdx/upsert_license"),
            [
                {
                    "license_id": license_.license_id,
                    "name": license_.name,
                    "is_osi_approved": license_.is_osi_approved,
                    "is_fsf_libre": license_.is_fsf_libre,
                    "is_deprecated": license_.is_deprecated,
                    "see_also": list(license_.see_also),
                    "list_version": found.version,
                    "raw": Jsonb(license_.raw),
                }
                for license_ in found.licenses.values()
            ],
        )
        cursor.executemany(
            database.sql("spdx/upsert_exception"),
            [
                {
                    "exception_id": exception.exception_id,
                    "name": exception.name,
                    "is_deprecated": exception.is_deprecated,
                    "list_version": found.version,
                    "raw": Jsonb(exception.raw),
                }
                for exception in found.exceptions.values()
            ],
        )


def stored(conn: database.Connection) -> LicenseList | None:
    """The stored list, never half of a rewrite, or None when none is stored yet."""
    with conn.transaction():
        database.run(conn, "spdx/lock_shared")
        licenses, exceptions = database.every(conn, "spdx/licenses"), database.every(conn, "spdx/exceptions")
    if not licenses:
        return None
    return LicenseList.of(
        next(iter({row.pop("list_version") for row in licenses})),
        [License(**{**row, "see_also": tuple(row["see_also"])}) for row in licenses],
        [LicenseException(**row) for row in exceptions],
    )


def _floor(found: LicenseList, settings: Settings) -> Result:
    """The blocking check of the list's gate, judged before anything is written."""
    approved = sum(license_.is_osi_approved for license_ in found.licenses.values())
    check = next(check for check in checks.of_gate(checks.LICENSES, settings) if check.blocking)
    return check.judge(float(approved))
