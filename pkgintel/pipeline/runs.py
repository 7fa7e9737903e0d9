"""The book of runs: how one is opened, kept alive and closed. Postgres decides what is true, never memory."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import psycopg
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from pkgintel import database
from pkgintel.errors import PkgintelError

Kind = Literal["scheduled", "manual", "fallback"]
Source = Literal["nuget", "spdx", "verdicts"]
Action = Literal["scan", "sync", "classify", "replay"]

log = logging.getLogger(__name__)


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
    """Open a run; its id.

    Raises: psycopg.errors.UniqueViolation for a second scan or sync.
    """
    with conn.transaction():
        row = database.the(
            conn,
            "runs/open",
            source=source,
            kind=kind,
            action=action,
            task_id=task_id,
            root_id=root_id,
            cause_id=cause_id,
        )
    return int(row["id"])


def begin(
    conn: database.Connection,
    source: Source,
    action: Action,
    kind: Kind,
    *,
    task_id: str | None = None,
    root_id: int | None = None,
    cause_id: int | None = None,
) -> tuple[int | None, str]:
    """Open a scan or a sync: its id and "opened", or "resumed" when this very task had opened it and was sent again.

    Where another one of the source is running, the id is None and the second value says which; that is recorded as a
    skipped run.
    """
    facts: dict[str, Any] = {"task_id": task_id, "root_id": root_id, "cause_id": cause_id}
    try:
        return open_run(conn, source, action, kind, **facts), "opened"
    except UniqueViolation:
        running = database.one(conn, "runs/running", source=source)
    if running is None:
        return begin(conn, source, action, kind, **facts)
    if task_id is not None and running["task_id"] == task_id:
        return running["id"], "resumed"
    reason = f"already_running: run {running['id']} is in progress (last sign of life {running['silent']:.0f} s ago)"
    database.run(conn, "runs/record", source=source, kind=kind, action=action, state="skipped", error=reason, **facts)
    return None, reason


def close(
    conn: database.Connection,
    run_id: int,
    state: str,
    *,
    error: str | None = None,
    settled: bool = True,
    from_states: Sequence[str] = ("running",),
    **detail: Any,
) -> bool:
    """End a run in `state`; False when it had already ended. `settled` says that nothing follows from it."""
    return bool(
        database.run(
            conn,
            "runs/close",
            id=run_id,
            state=state,
            error=error[:2000] if error else None,
            settled=settled,
            from_states=list(from_states),
            detail=Jsonb(detail),
        )
    )


@contextmanager
def pulse(db: database.Database, run_id: int, lost_after: float) -> Iterator[None]:
    """While this lasts, the run shows signs of life, often enough never to count as lost after `lost_after` seconds.

    The first one is given at once, the others from a thread of its own.
    """
    every, ended = min(5.0, lost_after / 6), threading.Event()

    def beat() -> None:
        try:
            with db.connection() as conn:
                database.run(conn, "runs/beat", id=run_id, every=every / 2)
        except (PkgintelError, psycopg.Error) as error:
            log.warning("run %s: no sign of life could be written: %s", run_id, error)

    def go_on() -> None:
        while not ended.wait(every):
            beat()

    beat()
    thread = threading.Thread(target=go_on, name=f"pulse of run {run_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=15)
