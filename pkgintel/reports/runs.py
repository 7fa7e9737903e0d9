"""What ran, how it ended and why."""

from pkgintel import database
from pkgintel.errors import SettingsError
from pkgintel.pipeline import runs
from pkgintel.pipeline.states import Action, PageState, Source, State
from pkgintel.reports.gates import RunCheck
from pkgintel.reports.shape import Json, Moment, Report
from pkgintel.reports.work import ReportedRun, Retry


class ListedRun(ReportedRun):
    """A run. `finished_at` is None while it runs, the window None until it is planned."""

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


class TriggeredRun(ReportedRun):
    """A run that came of another one."""

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
            finished_by=runs.finished_by(conn, run_id),
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
