"""What ran, how it ended and why; going on with a run that ended badly."""

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from pkgintel import database
from pkgintel.errors import ServiceUnavailable, SettingsError
from pkgintel.pipeline import runs as ledger
from pkgintel.pipeline.states import Action, Kind, PageState, Source, State
from pkgintel.reports.gates import RunCheck
from pkgintel.reports.shape import Json, Moment, Report
from pkgintel.reports.work import Retry
from pkgintel.runtime import broker
from pkgintel.settings import Deployment
from pkgintel.tasks import recovery, workflow


class ListedRun(Report):
    """A run. `finished_at` is None while it runs, the window None until it is planned."""

    id: int
    source: Source
    action: Action
    kind: Kind
    state: State
    started_at: Moment
    finished_at: Moment | None
    window_after: Moment | None
    window_up_to: Moment | None
    seconds: float
    pages_total: int
    pages_done: int
    pages_failed: int
    leaves: int
    rejected: int
    error: str | None
    cause_id: int | None
    root_id: int | None


class RunPage(Report):
    """A page of a run; `items` is None until it is read."""

    page_url: str
    state: PageState
    attempts: int
    items: int | None
    leaves: int
    rejected: int
    started_at: Moment | None
    finished_at: Moment | None
    seconds: float | None
    error: str | None


class TriggeredRun(Report):
    """A run that came of another one."""

    id: int
    source: Source
    action: Action
    kind: Kind
    state: State
    started_at: Moment
    error: str | None


class Phase(Report):
    """A part of a run's time: the look at the index, its pages, closing it, what follows it (gates and verdicts)."""

    name: str
    begun: Moment
    ended: Moment
    goes_on: bool

    @property
    def seconds(self) -> float:
        """How long it took so far."""
        return max(0.0, (self.ended - self.begun).total_seconds())


class ShownRun(ListedRun):
    """All there is to say of a run. `finished_by` is the later run that did what this one left undone."""

    heartbeat_at: Moment
    settled_at: Moment | None
    task_id: str | None
    more: bool
    detail: Json
    silent_seconds: float
    retry: Retry | None
    finished_by: int | None
    pages: tuple[RunPage, ...]
    checks: tuple[RunCheck, ...]
    triggered: tuple[TriggeredRun, ...]


def listed(
    conn: database.Connection, *, source: Source | None = None, state: State | None = None, most: int = 20
) -> tuple[ListedRun, ...]:
    """Runs, newest first."""
    return rows(conn, source=source, state=state, most=most)


def rows(
    conn: database.Connection,
    *,
    source: Source | None = None,
    action: Action | None = None,
    state: State | None = None,
    before: int | None = None,
    most: int,
) -> tuple[ListedRun, ...]:
    """Runs older than run `before`, newest first, at most so many."""
    asked = {"source": source, "action": action, "state": state, "before": before, "most": most, "id": None}
    return tuple(ListedRun(**row) for row in database.every(conn, "reports/runs/runs", **asked))


def shown(conn: database.Connection, run_id: int, most_pages: int | None = None) -> ShownRun:
    """All there is to say of a run: its pages (so many at most), what its gates measured, what came of it.

    Raises: SettingsError when there is no such run.
    """
    with conn.transaction():
        asked = {"source": None, "action": None, "state": None, "before": None, "most": 1, "id": run_id}
        row = database.one(conn, "reports/runs/runs", **asked)
        if not row:
            raise SettingsError(f"There is no run {run_id}: `pkgintel runs` lists them.")
        return ShownRun(
            **row,
            **database.the(conn, "reports/runs/run", id=run_id),
            finished_by=ledger.finished_by(conn, run_id),
            pages=tuple(
                RunPage(**row) for row in database.every(conn, "reports/runs/run_pages", id=run_id, most=most_pages)
            ),
            checks=tuple(RunCheck(**row) for row in database.every(conn, "reports/runs/run_checks", id=run_id)),
            triggered=tuple(
                TriggeredRun(**row) for row in database.every(conn, "reports/runs/run_triggered", id=run_id)
            ),
        )


def phases(conn: database.Connection, run_id: int) -> tuple[Phase, ...]:
    """Where the time of a run went, in order."""
    return tuple(Phase(**row) for row in database.every(conn, "reports/runs/phases", id=run_id))


def resume(conn: database.Connection, settings: Deployment, run_id: int) -> str:
    """Go on, in a new run, with what a run left undone; the name of the task that was sent.

    A run that gives no sign of life any more is closed as lost first, whether or not a beat runs that would do it.
    Raises: SettingsError when it is no run to resume, or its source is at work already; ServiceUnavailable when Redis
    does not answer.
    """
    recovery.free_lost(conn, settings)
    run = ledger.known(conn, run_id)
    if run.action is Action.REPLAY:
        raise SettingsError(f"Run {run_id} is a replay: ask for it again with `pkgintel reprocess`.")
    if run.state.ended and not run.state.resumable:
        raise SettingsError(f"Run {run_id} is {run.state}, so nothing of it is left to do.")
    later = ledger.finished_by(conn, run_id)
    if later is not None:
        raise SettingsError(f"Run {later} has done what run {run_id} left undone, so nothing of it is left to do.")
    running = ledger.running(conn, run.source)
    if running is not None:
        raise SettingsError(f"Run {running.id} of {run.source} is in progress, and does all there is to do.")
    try:
        return workflow.resume(run)
    except (OperationalError, RedisError) as error:
        why = broker.because(settings.redis_url, error)
        raise ServiceUnavailable(f"Redis does not answer, so nothing was sent: {why}.") from None
