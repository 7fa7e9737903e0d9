"""What is known at one moment: everything that `pkgintel status` shows, before it is judged.

Freshness is reckoned at the moment of asking, never read from recorded checks: were beat and all workers dead, those
would look fresh for ever. Workers and queues are asked for separately (`crew`), and may be unknown.
"""

from datetime import datetime

from pydantic import Field

from pkgintel import database
from pkgintel.pipeline import checks, sequels
from pkgintel.pipeline.states import Source
from pkgintel.reports import assets, gates, known, schedules, work
from pkgintel.reports.assets import Asset, RejectedLeaf, VerdictCount
from pkgintel.reports.crew import NOT_ASKED, Crew
from pkgintel.reports.gates import Check
from pkgintel.reports.known import KnownPackages, KnownVersions
from pkgintel.reports.schedules import DueTick
from pkgintel.reports.shape import Moment, Report
from pkgintel.reports.work import EndedRun, LockWait, Outcome, RunInProgress
from pkgintel.settings import Deployment


class Upkeep(Report):
    """When upkeep, recorded every minute, last came through: a sign of life of beat and the workers."""

    checked_at: Moment | None
    age_seconds: float | None


class Facts(Crew):
    """Everything that is known, as of one moment. `run` is the catalog's scan or whatever else is running first."""

    as_of: Moment
    catalog: str | None
    database: str
    assets: dict[str, Asset]
    versions: KnownVersions
    packages: KnownPackages
    watermark: Moment | None
    origin: Moment | None = Field(None, exclude=True)
    leaves_stored: bool = Field(False, exclude=True)
    lag_seconds: float | None
    lag_looked_at: Moment | None
    newest_upstream_commit: Moment | None
    run: RunInProgress | None
    running: tuple[RunInProgress, ...]
    replays: tuple[RunInProgress, ...]
    last_runs: tuple[EndedRun, ...]
    outcomes: tuple[Outcome, ...]
    unsettled: tuple[int, ...]
    checks: tuple[Check, ...]
    lock_waits: tuple[LockWait, ...]
    rejected_leaves: int
    rejected_examples: tuple[RejectedLeaf, ...]
    verdicts: dict[str, VerdictCount]
    schedules: dict[str, DueTick]
    upkeep: Upkeep

    def since(self, when: datetime) -> float:
        """Seconds from `when` to the moment of this report."""
        return (self.as_of - when).total_seconds()

    def due(self, asset: str) -> bool:
        """Whether it should be fresh: a schedule behind it has been enabled for longer than it stays fresh.

        Verdicts follow packages, licenses and texts, so each of their schedules keeps them fresh.
        """
        source = checks.SOURCES[asset]
        names = {source} if source in self.schedules else {Source.NUGET, Source.SPDX}
        behind = [tick for name, tick in self.schedules.items() if name in names]
        most = self.assets[asset].threshold_seconds
        return any(tick.enabled and self.since(tick.changed_at) > most for tick in behind)


def gather(conn: database.Connection, settings: Deployment, crew: Crew = NOT_ASKED) -> Facts:
    """Ask Postgres for everything, in one transaction; `crew` is what was known of workers and queues."""
    with conn.transaction():
        now = database.now(conn)
        catalog = database.one(conn, "events/name")
        lag = database.the(conn, "reports/status/lag")
        rows = assets.rows(conn)
        judged = next(row for row in rows if row.name == checks.VERDICTS)
        runs = work.in_progress(conn, settings)
        running = tuple(run for run in runs if not run.is_replay)
        outcomes = work.outcomes(conn)
        found = gates.newest(conn, settings, {row.name: row.age_seconds for row in rows}, now)
        rejected, examples = assets.rejected(conn)
        versions, packages = known.counts(conn)
        return crew.within(
            Facts,
            as_of=now,
            catalog=catalog["name"] if catalog else None,
            database=database.place(settings.database_url),
            assets=assets.assets(rows, found, outcomes),
            versions=versions,
            packages=packages,
            watermark=lag["watermark"],
            origin=lag["origin"],
            leaves_stored=lag["leaves_stored"],
            lag_seconds=lag["lag_seconds"],
            lag_looked_at=lag["looked_at"],
            newest_upstream_commit=lag["newest"],
            run=running[0] if running else None,
            running=running,
            replays=tuple(run for run in runs if run.is_replay),
            last_runs=work.ended(conn),
            outcomes=outcomes,
            unsettled=tuple(run.id for run in sequels.unsettled(conn, settings.lost_after)),
            checks=found,
            lock_waits=work.lock_waits(conn),
            rejected_leaves=rejected,
            rejected_examples=examples,
            verdicts=assets.verdicts(conn, judged),
            schedules=schedules.due(conn),
            upkeep=_upkeep(conn),
        )


def _upkeep(conn: database.Connection) -> Upkeep:
    row = database.one(conn, "reports/status/upkeep", check=checks.freshness(checks.PACKAGES))
    return Upkeep(**row) if row else Upkeep(checked_at=None, age_seconds=None)
