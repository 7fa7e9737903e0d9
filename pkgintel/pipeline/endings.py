"""How a run of the catalog ends that may not end well: a page of it failed, or too many of its leaves are rejected."""

from pkgintel import database
from pkgintel.database import events
from pkgintel.errors import GateFailed, RunFailed
from pkgintel.pipeline import checks, gate, pages, runs
from pkgintel.pipeline.pages import PagesLeft
from pkgintel.pipeline.runs import Run
from pkgintel.pipeline.states import State
from pkgintel.settings import Settings


def end_badly(
    conn: database.Connection, settings: Settings, run: Run, left: PagesLeft, remark: str = ""
) -> RunFailed | GateFailed | None:
    """Write that a run failed or is blocked, with `remark` behind the reason of its gate; None where it is neither.

    What is returned is to be raised once that is committed.
    """
    if left.failed:
        error = f"{left.failed} of {run.pages_total} pages failed, first {left.first_error}"
        runs.end(conn, run.id, State.FAILED, error=error)
        return RunFailed(f"Run {run.id}: {error}")
    events.resolve_superseded(conn)
    counts = pages.rejected(conn, run.id)
    limit = checks.reject_limit(counts.rejected, counts.leaves, settings.reject_limit)
    gate.record(conn, [limit], run.id)
    if limit.passed:
        return None
    error = f"Gate {limit.gate} is closed. {limit.message}.{remark}"
    runs.end(conn, run.id, State.BLOCKED, error=error)
    return GateFailed(error)
