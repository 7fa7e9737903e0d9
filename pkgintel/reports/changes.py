"""What changed: licenses between the versions of a package, and verdicts over time."""

import re
from datetime import datetime
from typing import Literal

from pkgintel import database
from pkgintel.errors import SettingsError
from pkgintel.reports.shape import Moment, Report


class Change(Report):
    """One change. `at`: when the newer version was released, for a license; when it was decided, for a verdict.

    `from_ids` and `to_ids` are license ids as SPDX lists them, of a change of licenses; `cause` is of a verdict.
    """

    kind: Literal["license", "verdict"]
    id: int
    at: Moment
    package_id: str
    from_version: str | None
    to_version: str | None
    from_verdict: str | None
    to_verdict: str | None
    from_rule: str | None
    to_rule: str | None
    from_ids: tuple[str, ...] | None
    to_ids: tuple[str, ...] | None
    cause: str | None


class Changes(Report):
    """Some changes; `after` is where a reader goes on from to see only those that are recorded later."""

    changes: tuple[Change, ...]
    after: str


class Relicensing(Report):
    """Two neighbouring versions whose license ids or verdicts differ."""

    from_version: str
    to_version: str
    from_verdict: str
    to_verdict: str
    from_rule: str
    to_rule: str
    from_ids: tuple[str, ...]
    to_ids: tuple[str, ...]
    released_at: Moment


class ChangeCount(Report):
    """How many changes of a kind went from one verdict to another ("none" where there was or is none)."""

    kind: Literal["license", "verdict", "text"]
    from_verdict: str
    to_verdict: str
    changes: int


def newest(
    conn: database.Connection, most: int, *, package_key: str | None = None, since: datetime | None = None
) -> Changes:
    """The newest changes first, at most `most`: of one package or of all, from a moment on."""
    with conn.transaction():
        last = database.the(conn, "reports/changes/last")
        rows = database.every(conn, "reports/changes/newest", most=most, package_key=package_key, since=since)
    return Changes(changes=tuple(Change(**row) for row in rows), after=f"{last['verdict']}-{last['license']}")


def following(
    conn: database.Connection,
    after: str,
    most: int,
    *,
    package_key: str | None = None,
    since: datetime | None = None,
) -> Changes:
    """The changes recorded after `after`, oldest first, at most `most`.

    Raises: SettingsError for an `after` that no such answer gave.
    """
    seen = re.fullmatch(r"(\d{1,18})-(\d{1,18})", after)
    if seen is None:
        raise SettingsError(f"{after!r} is no place to go on from: it is what `after` of an earlier answer said.")
    verdict, license_ = int(seen[1]), int(seen[2])
    rows = database.every(
        conn,
        "reports/changes/following",
        verdict=verdict,
        license=license_,
        most=most,
        package_key=package_key,
        since=since,
    )
    found = tuple(Change(**{name: row[name] for name in Change.model_fields}) for row in rows)
    last = {"verdict": verdict, "license": license_}
    for change in found:
        last[change.kind] = max(last[change.kind], change.id)
    return Changes(changes=found, after=f"{last['verdict']}-{last['license']}")


def of_package(conn: database.Connection, package_key: str) -> tuple[Relicensing, ...]:
    """Where the licenses of one package changed, in the order of its versions."""
    return tuple(Relicensing(**row) for row in database.every(conn, "reports/changes/package", package_key=package_key))


def counts(conn: database.Connection) -> tuple[ChangeCount, ...]:
    """How many changes went from which verdict to which."""
    return tuple(ChangeCount(**row) for row in database.every(conn, "reports/changes/counts"))


def licenses(ids: tuple[str, ...] | None, verdict: str | None) -> str:
    """What a version was licensed under, in a word: its ids, or what is known where it has none."""
    if ids:
        return " ".join(ids)
    return "proprietary terms" if verdict == "proprietary" else "no known license"
