"""The runs in progress, those that ended last, and what they wait for."""

from datetime import datetime

from pkgintel import database
from pkgintel.database import Row
from pkgintel.pipeline.checks import SOURCES
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.reports.shape import Moment, Report
from pkgintel.settings import Deployment
from pkgintel.text import minute, plain, span

LAST = 8
SILENT = 15.0  # Seconds: a run that is at work gives a sign of life at least every five.
LOCK_WAITS_OVER = 1.0  # Seconds: shorter ones are what parallel pages do to each other.


class Retry(Report):
    """A part of a run is tried again: since when nothing of it came to its end, why, when the next try begins."""

    since: Moment
    at: Moment
    because: str

    def says(self, now: datetime) -> str:
        """The same in one sentence, at the moment `now`."""
        left = (self.at - now).total_seconds()
        then = f"next try in {span(left)}" if left > 0 else "the next try is under way"
        since = (now - self.since).total_seconds()
        return f"tried again since {minute(self.since)} UTC ({span(since)}): {plain(self.because, 400)}; {then}"


class ReportedRun(Report):
    """What every report says of a run before it says more."""

    id: int
    source: Source
    action: Action
    kind: Kind


class RunInProgress(ReportedRun):
    """A run in progress: how far it is, its rate in leaves a second, and the seconds it still needs at that rate.

    Those are None while nothing moves: it gives no sign of life, or it is tried again.
    `round` numbers the runs that read the leaves which decide who speaks.
    """

    round: int | None
    started_at: Moment
    pages_total: int
    more: bool
    window_after: Moment | None
    window_up_to: Moment | None
    pages_done: int
    pages_failed: int
    leaves: int
    rejected: int
    seconds: float
    silent_seconds: float
    first_error: str | None
    retry: Retry | None
    pages_left: int
    rate: float
    lost: bool
    seconds_left: int | None

    @property
    def is_silent(self) -> bool:
        """Whether several signs of life in a row did not come."""
        return self.silent_seconds > SILENT

    @property
    def moves(self) -> bool:
        """Whether it shows signs of life, and is not waiting for another try."""
        return not self.is_silent and self.retry is None

    @property
    def is_replay(self) -> bool:
        """Whether it reads again what was read before."""
        return self.action is Action.REPLAY


class EndedRun(ReportedRun):
    """A run that ended."""

    state: State
    started_at: Moment
    finished_at: Moment
    seconds: float
    pages_total: int
    pages_done: int
    pages_failed: int
    leaves: int
    rejected: int
    error: str | None


class Outcome(Report):
    """How the last run of a source ended, where it ended by itself."""

    id: int
    source: Source
    action: Action
    state: State
    error: str | None
    finished_at: Moment

    @property
    def bad(self) -> bool:
        """Whether somebody has to look at it."""
        return self.state.bad


class LockHolder(Report):
    """A session that holds a lock, and the seconds since it changed its state."""

    pid: int
    application: str | None
    client: str | None
    state: str | None
    seconds: float | None


class LockWait(Report):
    """A session that waits for a lock, since when, and the sessions that hold it up."""

    pid: int
    application: str | None
    client: str | None
    since: Moment
    seconds: float
    held_by: tuple[LockHolder, ...]


def in_progress(conn: database.Connection, settings: Deployment) -> tuple[RunInProgress, ...]:
    """The runs in progress, that of the catalog first, replays last."""
    return tuple(_in_progress(row, settings) for row in database.every(conn, "reports/status/running"))


def _in_progress(row: Row, settings: Deployment) -> RunInProgress:
    share, seconds = float(row.pop("pages_share") or 0.0), row["seconds"]
    lost = row["silent_seconds"] > settings.lost_after
    moves = row["silent_seconds"] <= SILENT and row["retry"] is None
    return RunInProgress(
        **row,
        pages_left=max(0, row["pages_total"] - row["pages_done"] - row["pages_failed"]),
        rate=round(int(row["leaves"]) / seconds, 1) if seconds > 0 else 0.0,
        lost=lost,
        seconds_left=round(seconds * (1 - share) / share) if share > 0 and moves else None,
    )


def ended(conn: database.Connection) -> tuple[EndedRun, ...]:
    """The last runs that ended, newest first, without those that were skipped."""
    return tuple(EndedRun(**row) for row in database.every(conn, "reports/status/last_runs", most=LAST))


def outcomes(conn: database.Connection) -> tuple[Outcome, ...]:
    """How the last run of each source ended."""
    rows = database.every(conn, "reports/status/outcomes", sources=list(SOURCES.values()))
    return tuple(Outcome(**row) for row in rows)


def lock_waits(conn: database.Connection) -> tuple[LockWait, ...]:
    """The sessions that have waited for a lock, the longest first."""
    rows = database.every(conn, "reports/status/lock_waits", over=LOCK_WAITS_OVER, most=LAST)
    return tuple(LockWait(**row) for row in rows)
