"""What all runs together did so far: their pages and leaves, the answers they got, the verdicts over time."""

from pkgintel import database
from pkgintel.pipeline.states import Action, Source, State
from pkgintel.reports import changes
from pkgintel.reports.changes import ChangeCount
from pkgintel.reports.shape import Moment, Report


class Outcomes(Report):
    """Pages and leaves of all runs, by what became of them."""

    pages_done: int
    pages_failed: int
    leaves_stored: int
    leaves_rejected: int


class RunCount(Report):
    """How many runs of a source and action are in a state."""

    source: Source
    action: Action
    state: State
    runs: int


class Answers(Report):
    """How many answers of a kind (2xx, 404, timeout, …) upstream servers gave."""

    kind: str
    answers: int


class VerdictPoint(Report):
    """Packages by verdict after a classification that changed something."""

    at: Moment
    open_source: int | None
    proprietary: int | None
    unknown: int | None


class Totals(Report):
    """Sums over all runs so far: what became of pages and leaves, runs by state, upstream's answers by kind."""

    outcomes: Outcomes
    runs: tuple[RunCount, ...]
    answers: tuple[Answers, ...]
    changes: tuple[ChangeCount, ...]


def of(conn: database.Connection) -> Totals:
    """The sums as they are now."""
    return Totals(
        outcomes=Outcomes(**database.the(conn, "reports/metrics/outcomes")),
        runs=tuple(RunCount(**row) for row in database.every(conn, "reports/metrics/runs_by_state")),
        changes=changes.counts(conn),
        answers=tuple(Answers(**row) for row in database.every(conn, "reports/metrics/http_answers")),
    )


def verdicts(conn: database.Connection, most: int) -> tuple[VerdictPoint, ...]:
    """The last `most` changes of the verdicts' counts, oldest first."""
    return tuple(VerdictPoint(**row) for row in database.every(conn, "reports/status/verdict_history", most=most))
