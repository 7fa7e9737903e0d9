"""The signs of life of running runs: given, waited for, missed. A run that gives none is lost, and another goes on."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from pkgintel import database
from pkgintel.errors import PkgintelError
from pkgintel.pipeline import runs
from pkgintel.pipeline.states import Action, Source, State

LONGEST = 5.0  # Seconds between two signs of life of a run at most.
CALLBACK_AFTER = 15.0  # Seconds since its last page until the callback of a run is sent again for the first time.

log = logging.getLogger(__name__)


class SilentRun(runs.Row):
    """A running run without a sign of life. `all_done` says that only its callback is missing, sent `sends` times."""

    id: int
    source: Source
    action: Action
    sends: int
    silent: float
    all_done: bool


def interval(lost_after: float) -> float:
    """Seconds between two signs of life of a run that never counts as lost after `lost_after` seconds without one."""
    return min(LONGEST, lost_after / 6)


@contextmanager
def pulse(db: database.Database, run_id: int, lost_after: float, *, given: bool = False) -> Iterator[None]:
    """While this lasts, the run shows signs of life, often enough never to count as lost after `lost_after` seconds.

    They are given from a thread of its own, the first one at once, unless one was `given` just now.
    """
    every, ended = interval(lost_after), threading.Event()

    def beat() -> None:
        if given and ended.wait(every):
            return
        while True:
            try:
                with db.connection() as conn:
                    database.run(conn, "heartbeats/beat", id=run_id, every=every / 2)
            except (PkgintelError, psycopg.Error) as error:
                log.warning("run %s: no sign of life could be written: %s", run_id, error)
            if ended.wait(every):
                return

    thread = threading.Thread(target=beat, name=f"pulse of run {run_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=15)


def expect(conn: database.Connection, run_id: int, seconds: float, because: str) -> None:
    """A part of the run is tried again in `seconds`, and why; its silence until then is no sign of loss."""
    database.run(conn, "heartbeats/wait", id=run_id, seconds=seconds, because=because[: runs.ERROR_CHARACTERS])


def lacking_callback(conn: database.Connection, lost_after: float, sends: int) -> list[SilentRun]:
    """The runs that lack only their callback, which was sent again fewer than `sends` times."""
    return [run for run in _silent(conn, lost_after) if run.all_done and run.sends < sends]


def send_again(conn: database.Connection, run_id: int) -> None:
    """The callback of the run is sent once more: that counts, and is a sign of life."""
    database.run(conn, "heartbeats/send_again", id=run_id)


def sent_what_follows(conn: database.Connection, *run_ids: int) -> None:
    """What follows from these ended runs was sent just now."""
    database.run(conn, "heartbeats/touch", ids=list(run_ids))


def free_lost(conn: database.Connection, lost_after: float, sends: int) -> list[SilentRun]:
    """End every run without a sign of life for `lost_after` seconds, but for those of `lacking_callback`."""
    freed = []
    for run in _silent(conn, lost_after):
        if run.all_done and run.sends < sends:
            continue
        error = f"no sign of life for {run.silent:.0f} s: its worker, broker or callback is gone"
        if runs.end(conn, run.id, State.LOST, error=error):
            log.warning("run %s of %s is lost: %s", run.id, run.source, error)
            freed.append(run)
    return freed


def free_orphans(conn: database.Connection, run_ids: list[int]) -> list[int]:
    """End runs that no worker is left to carry on: those that had not ended.

    The caller goes on with their work, but for readings, whose end upkeep sends again at once.
    """
    error = "no worker answered any more when a new run began"
    freed = []
    for run_id in run_ids:
        taken_over = runs.require(conn, run_id).action is not Action.READ
        if runs.end(conn, run_id, State.LOST, error=error, taken_over=taken_over):
            freed.append(run_id)
    return freed


def _silent(conn: database.Connection, lost_after: float) -> list[SilentRun]:
    rows = database.every(conn, "heartbeats/lost", lost_after=lost_after, callback_after=CALLBACK_AFTER)
    return [SilentRun.model_validate(row) for row in rows]
