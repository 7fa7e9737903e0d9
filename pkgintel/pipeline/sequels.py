"""What has to follow ended runs: the rest of their chains, their gates and classifications, a scan where data is stale.

Every statement of sql/sequels is called here, and only here.
"""

from pkgintel import database
from pkgintel.pipeline.runs import Row
from pkgintel.pipeline.states import Action, Kind, Source


class HeldBack(Row):
    """Run `id`, which a closed gate ended; the classification that has to follow came of run `cause_id`."""

    id: int
    cause_id: int


class UnsettledRun(Row):
    """A run that ended well, whose gate and classification have not come to their end."""

    id: int
    source: Source
    kind: Kind


class Continuation(Row):
    """The scan or sync that has to follow run `id`: `more` pages of its chain, or what it left undone."""

    id: int
    action: Action
    kind: Kind
    root_id: int | None
    more: bool
    pages_left: int | None


def continuations(conn: database.Connection, *, run_id: int | None = None, after: float = 0.0) -> list[Continuation]:
    """What has to follow ended scans and syncs and has not begun: of run `run_id`, or of the newest ones.

    What was sent, or ended, in the last `after` seconds is left out.
    """
    rows = database.every(conn, "sequels/to_go_on", id=run_id, after=after)
    return [Continuation.model_validate(row) for row in rows]


def unsettled(conn: database.Connection, lost_after: float) -> list[UnsettledRun]:
    """Runs whose gate and classification did not come through within `lost_after` seconds, newest first."""
    return [
        UnsettledRun.model_validate(row) for row in database.every(conn, "sequels/unsettled", lost_after=lost_after)
    ]


def held_back(conn: database.Connection, *, at_once: bool, after: float) -> HeldBack | None:
    """The newest run that a closed gate ended, where no classification has begun since.

    `at_once` says that the gate opened just now; else it is given again only `after` seconds after it was sent.
    """
    row = database.one(conn, "sequels/held_back", at_once=at_once, after=after)
    return HeldBack.model_validate(row) if row else None


def may_fall_back(conn: database.Connection) -> bool:
    """Whether stale data may start a scan: its schedule is on, none is running, none was tried for an hour."""
    return bool(database.the(conn, "sequels/fallback")["wanted"])
