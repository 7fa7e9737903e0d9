"""How it went over time: runs page by page, what each of them brought, and the values of a check."""

from collections.abc import Iterable
from itertools import groupby

from pkgintel import database
from pkgintel.pipeline.states import Action, Source, State
from pkgintel.reports.gates import RunCheck
from pkgintel.reports.runs import ListedRun, rows
from pkgintel.reports.shape import Moment, Report


class RunFilter(Report):
    """Which runs are asked for; None is any."""

    source: Source | None = None
    action: Action | None = None
    state: State | None = None


class QuietRuns(Report):
    """Runs one behind the other that found nothing new: the newest of them, the oldest, and how many."""

    newest: ListedRun
    oldest: ListedRun
    count: int


class RunList(Report):
    """Runs, newest first, those that found nothing new folded; `older` is where the next page begins, if any."""

    runs: tuple[ListedRun | QuietRuns, ...]
    older: int | None


class Volume(Report):
    """What a run with pages brought: leaves stored or rejected, in so many seconds."""

    id: int
    source: Source
    action: Action
    state: State
    started_at: Moment
    leaves: int
    rejected: int
    pages_done: int
    pages_total: int
    seconds: float


class CheckValue(RunCheck):
    """A result of a check, with the run it was measured for."""

    id: int
    run_id: int | None


def runs(conn: database.Connection, which: RunFilter, *, before: int | None = None, most: int = 50) -> RunList:
    """Runs older than run `before`, at most so many: found by key, so the last page is as near as the first."""
    found = rows(conn, **dict(which), before=before, most=most + 1)
    older = found[most - 1].id if len(found) > most else None
    return RunList(runs=folded(found[:most]) if which.state is None else found[:most], older=older)


def folded(found: Iterable[ListedRun]) -> tuple[ListedRun | QuietRuns, ...]:
    """The same runs, each row of two and more that found nothing new as one."""
    lines: list[ListedRun | QuietRuns] = []
    for quiet, group in groupby(found, key=lambda run: run.state is State.CAUGHT_UP):
        some = list(group)
        if quiet and len(some) > 1:
            lines.append(QuietRuns(newest=some[0], oldest=some[-1], count=len(some)))
        else:
            lines += some
    return tuple(lines)


def volumes(conn: database.Connection, most: int = 60) -> tuple[Volume, ...]:
    """What each of the last runs with pages brought, oldest first."""
    return tuple(Volume(**row) for row in database.every(conn, "reports/history/volumes", most=most))


def check(conn: database.Connection, name: str, most: int = 500) -> tuple[CheckValue, ...]:
    """The last results of a check, oldest first; none for a name that no check has."""
    return checks(conn, [name], most)[name]


def checks(conn: database.Connection, names: Iterable[str], most: int = 48) -> dict[str, tuple[CheckValue, ...]]:
    """The last results of some checks by name, oldest first."""
    found: dict[str, list[CheckValue]] = {name: [] for name in names}
    for row in database.every(conn, "reports/history/checks", names=list(found), most=most):
        found[row["name"]].append(CheckValue(**row))
    return {name: tuple(values) for name, values in found.items()}
