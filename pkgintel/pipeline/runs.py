"""The runs, in Postgres and nowhere else: how one is opened and planned, and how it ends.

Every statement of sql/runs is called here, and only here. Its pages are the business of `pages`, its signs of life that
of `heartbeats`, what has to follow it that of `sequels`.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict

from pkgintel import database
from pkgintel.errors import AlreadyRunning, RunFailed, SettingsError
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.upstream.origins import CatalogAddress

SCANS = (Action.SCAN, Action.SYNC, Action.FETCH)  # Of these, one at a time of each source.
ERROR_CHARACTERS = 2000  # Kept of the reason of a run's end.


class Row(BaseModel):
    """A row as a statement gives it: no more columns, no less, each of its type."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run reads of a catalog: items committed in (`after`, `up_to`] and none up to `floor`, all in ticks.

    `newest` is the newest commit of the index, `more` says that pages remain for a next scan, `pages_left` how many
    more the chain may read, where that was asked. `knows` says that versions are only made known, `rest` that leaves
    are read which do not decide who speaks.
    """

    catalog: CatalogAddress
    after: int
    floor: int
    up_to: int
    newest: int | None = None
    more: bool = False
    pages_left: int | None = None
    knows: bool = False
    rest: bool = False


class Run(Row):
    """One run. What it reads is None until it was planned."""

    id: int
    source: Source
    kind: Kind
    action: Action
    state: State
    after_ticks: int | None
    floor_ticks: int | None
    up_to_ticks: int | None
    newest_ticks: int | None
    more: bool
    catalog: CatalogAddress | None
    root_id: int | None
    cause_id: int | None
    task_id: str | None
    error: str | None
    leaves: int
    rejected: int
    pages_total: int
    pages_left: int | None
    knows: bool
    rest: bool
    settled: bool

    @property
    def plan(self) -> RunPlan:
        """What the run reads. Raises: RunFailed while it was not planned."""
        if self.catalog is None or self.after_ticks is None or self.floor_ticks is None or self.up_to_ticks is None:
            raise RunFailed(f"Run {self.id} was not planned yet.")
        return RunPlan(
            self.catalog,
            self.after_ticks,
            self.floor_ticks,
            self.up_to_ticks,
            newest=self.newest_ticks,
            more=self.more,
            pages_left=self.pages_left,
            knows=self.knows,
            rest=self.rest,
        )


class RunningRun(Row):
    """The running scan or sync of a source; `silent` is the number of seconds since its last sign of life."""

    id: int
    task_id: str | None
    silent: float


def open_run(
    conn: database.Connection,
    source: Source,
    action: Action,
    kind: Kind,
    *,
    task_id: str | None = None,
    root_id: int | None = None,
    cause_id: int | None = None,
) -> int:
    """Open a run; its id. A task that is delivered again gets the run that it opened before.

    Raises: AlreadyRunning for a second scan, sync or reading of a source; that is recorded as a skipped run.
    """
    facts = {"source": source, "kind": kind, "action": action, "task_id": task_id}
    caused = {"root_id": root_id, "cause_id": cause_id}
    while True:
        try:
            with conn.transaction():
                return int(database.the(conn, "runs/open", **facts, **caused)["id"])
        except UniqueViolation:
            other = running(conn, source, (action,) if action is Action.READ else SCANS)
        if other is None:
            continue  # It ended just now.
        if task_id is not None and other.task_id == task_id:
            return other.id
        reason = f"already_running: run {other.id} is in progress (last sign of life {other.silent:.0f} s ago)"
        database.run(conn, "runs/record", state=State.SKIPPED, error=reason, **facts, **caused)
        raise AlreadyRunning(reason)


def end(
    conn: database.Connection,
    run_id: int,
    state: State,
    *,
    error: str | None = None,
    settled: bool = True,
    taken_over: bool = False,
    was: Collection[State] = (State.RUNNING,),
    **detail: Any,
) -> bool:
    """End a run in `state`; False when it had already ended.

    `settled` says that nothing follows from it, `taken_over` that the caller itself goes on where it stood.
    """
    return bool(
        database.run(
            conn,
            "runs/end",
            id=run_id,
            state=state,
            error=error[:ERROR_CHARACTERS] if error else None,
            settled=settled,
            taken_over=taken_over,
            was=list(was),
            detail=Jsonb(detail),
        )
    )


def abort(conn: database.Connection, run_id: int, by: str, why: str = "") -> None:
    """End a running run. Pages that are read just now are still stored; later ones find nothing to do.

    Raises: SettingsError when there is no such run, or it had ended before.
    """
    known(conn, run_id)
    if not end(conn, run_id, State.ABORTED, error=f"aborted by {by}" + (f": {why}" if why else "")):
        raise SettingsError(f"Run {run_id} is not running: it is {known(conn, run_id).state}.")


def get(conn: database.Connection, run_id: int) -> Run | None:
    """The run `run_id`, or None."""
    row = database.one(conn, "runs/get", id=run_id)
    return Run.model_validate(row) if row else None


def require(conn: database.Connection, run_id: int) -> Run:
    """The run `run_id`. Raises: RunFailed when there is none."""
    found = get(conn, run_id)
    if found is None:
        raise RunFailed(f"There is no run {run_id}.")
    return found


def known(conn: database.Connection, run_id: int) -> Run:
    """The run that an operator named by `run_id`. Raises: SettingsError when there is none."""
    found = get(conn, run_id)
    if found is None:
        raise SettingsError(f"There is no run {run_id}: `pkgintel runs` lists them.")
    return found


def lock(conn: database.Connection, run_id: int) -> None:
    """Keep others from ending the run until the caller's transaction ends."""
    database.run(conn, "runs/lock", id=run_id)


def running(conn: database.Connection, source: str, actions: Collection[Action] = SCANS) -> RunningRun | None:
    """The running scan or sync of `source`, or the run that does one of `actions`; None when there is none."""
    row = database.one(conn, "runs/running", source=source, actions=list(actions))
    return RunningRun.model_validate(row) if row else None


def plan(conn: database.Connection, run_id: int, what: RunPlan, pages_total: int) -> None:
    """Write what the run is going to read, and how many pages that takes."""
    facts = {**asdict(what), "catalog": Jsonb(what.catalog.dump()), "pages_total": pages_total}
    database.run(conn, "runs/plan", id=run_id, **facts)


def describe(conn: database.Connection, run_id: int, **detail: Any) -> None:
    """Add to what else there is to say of a run."""
    database.run(conn, "runs/describe", id=run_id, detail=Jsonb(detail))


def settle(conn: database.Connection, *run_ids: int) -> None:
    """All that follows from these runs is through, or follows a newer one that covers them."""
    database.run(conn, "runs/settle", ids=list(run_ids))


def finished_by(conn: database.Connection, run_id: int) -> int | None:
    """The run that did what run `run_id` left undone; None where that is still to do, or nothing was."""
    row = database.one(conn, "runs/finished_by", id=run_id)
    return int(row["id"]) if row else None


def blocked(conn: database.Connection, source: Source) -> int | None:
    """The last run of `source` that was no replay and did not fail, if a gate blocks it: its id."""
    row = database.one(conn, "runs/blocked", source=source)
    return int(row["id"]) if row else None


def lay_down(conn: database.Connection, run_id: int, pages_total: int) -> None:
    """Write how many pages a run has that reads no catalog."""
    database.run(conn, "runs/lay_down", id=run_id, pages_total=pages_total)


def number(conn: database.Connection, run_id: int, cause_id: int | None) -> None:
    """Give a run that reads leaves its round: the one behind the round of the run that caused it."""
    database.run(conn, "runs/number", id=run_id, cause_id=cause_id)


def announce(conn: database.Connection, run_id: int, *, more: bool = True) -> None:
    """Say of a run that ended that leaves are read behind it, or that none are: who follows it waits for that."""
    database.run(conn, "runs/announce", id=run_id, more=more)
