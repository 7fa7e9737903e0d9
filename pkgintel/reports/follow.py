"""The runs that came of a few tasks, as Postgres has them, and whether anything more comes of them."""

from dataclasses import dataclass

from pkgintel import database
from pkgintel.pipeline.states import Action, Source, State
from pkgintel.reports.shape import Moment, Report
from pkgintel.reports.work import Retry

PAGES = "pages"  # The stage of a load that makes versions known and reads no leaves.


class FollowedRun(Report):
    """A run that came of a task, or one of others (not `own`) that its verdicts wait for.

    `error_type` is the name of the error that ended it, or its first failed page.
    """

    id: int
    own: bool
    source: Source
    action: Action
    state: State
    task_id: str | None
    cause_id: int | None
    error: str | None
    error_type: str | None
    settled_at: Moment | None
    more: bool
    pages_left: int | None
    pages_total: int
    leaves: int
    rejected: int
    knows: bool
    rest: bool
    round: int | None
    window_after: Moment | None
    window_up_to: Moment | None
    read_something: bool


class Progress(Report):
    """How far some runs are: pages and leaves, done and known of; `pages_unread` are the pages not read yet.

    `retry` says why one of the runs is tried again, and is None while all move. `items` counts the lines of the pages
    that were read.
    """

    as_of: Moment
    pages_total: int
    pages_done: int
    pages_failed: int
    leaves_done: int
    leaves_known: int
    pages_unread: int
    retry: Retry | None
    items: int


@dataclass(frozen=True, slots=True)
class FollowedRuns:
    """The runs that came of some tasks, and those they wait for, oldest first; whether anything is still to come."""

    runs: tuple[FollowedRun, ...] = ()

    def of(self, source: str) -> list[FollowedRun]:
        """The runs of one source."""
        return [run for run in self.runs if run.source == source]

    def at_work(self) -> tuple[str, list[int]]:
        """What is being done with the catalog, in a word or two, and the runs (ids) that do it."""
        found = self.of(Source.NUGET)
        newest = found[-1] if found else None
        if newest is None or newest.action is not Action.READ:
            stage = PAGES if newest and newest.knows else "catalog"
            return stage, [run.id for run in found if run.action is Action.SCAN]
        if newest.rest:
            return "the rest", [run.id for run in found if run.rest]
        return f"round {newest.round}", [newest.id]

    def skipped(self) -> bool:
        """Whether the scan was skipped, for another one was in progress."""
        return any(run.action is Action.SCAN and run.state is State.SKIPPED and run.own for run in self.runs)

    def bad(self) -> FollowedRun | None:
        """The newest run that ended badly, if the newest of its source did."""
        for source in (Source.VERDICTS, Source.NUGET, Source.SPDX, Source.TEXTS):
            runs = [run for run in self.of(source) if run.state not in (State.LOST, State.RUNNING)]
            if runs and not runs[-1].state.good:
                return runs[-1]
        return None

    def over(self, tasks: list[str]) -> bool:
        """Whether each task has its run, all have ended, and what follows from the good ones is through."""
        if {run.task_id for run in self.runs}.isdisjoint(tasks) or not all(
            any(run.task_id == task for run in self.runs) for task in tasks
        ):
            return False
        for run in self.runs:
            if not run.state.ended:
                return False
            if run.state.good and run.settled_at is None and run.source is not Source.VERDICTS:
                return False
        newest_of = {run.action: run for run in self.of(Source.NUGET)}
        if any(newest_of[action].state is State.LOST for action in (Action.SCAN, Action.READ) if action in newest_of):
            return False  # Another one takes its work over.
        scans = self.of(Source.NUGET)
        newest = scans[-1] if scans else None
        return not (newest and newest.state.good and newest.more and newest.pages_left != 0)


def follow(conn: database.Connection, tasks: list[str]) -> FollowedRuns:
    """What came of `tasks` (ids) so far."""
    rows = database.every(conn, "reports/follow/followed", tasks=tasks)
    return FollowedRuns(tuple(FollowedRun(**row) for row in rows))


def progress(conn: database.Connection, runs: list[int]) -> Progress:
    """How far `runs` (ids) are together."""
    return Progress(**database.the(conn, "reports/follow/progress", runs=runs))
