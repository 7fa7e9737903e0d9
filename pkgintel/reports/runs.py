"""What ran, how it ended and why; stopping a run, and going on with one that ended badly."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from pkgintel import database
from pkgintel.errors import ServiceUnavailable, SettingsError
from pkgintel.nuget.instant import iso
from pkgintel.pipeline import runs as ledger
from pkgintel.pipeline import scan
from pkgintel.pipeline.checks import VERDICTS
from pkgintel.reports.follow import ENDED
from pkgintel.runtime import broker
from pkgintel.settings import Deployment

STATES = ("running", *ENDED)
RESUMABLE = ("failed", "lost", "aborted", "blocked")


def listed(
    conn: database.Connection, *, source: str | None = None, state: str | None = None, most: int = 20
) -> list[dict[str, Any]]:
    """Runs, newest first."""
    rows = database.every(conn, "reports/runs/runs", source=source, state=state, id=None, most=most)
    return [_stamped(row) for row in rows]


def shown(conn: database.Connection, run_id: int) -> dict[str, Any]:
    """All there is to say of a run: its pages, what its gates measured, what came of it.

    Raises: SettingsError when there is no such run.
    """
    with conn.transaction():
        rows = database.every(conn, "reports/runs/runs", source=None, state=None, id=run_id, most=1)
        if not rows:
            raise SettingsError(f"There is no run {run_id}: `pkgintel runs` lists them.")
        return {
            **_stamped(rows[0]),
            **_stamped(database.one(conn, "reports/runs/run", id=run_id) or {}),
            "pages": [_stamped(row) for row in database.every(conn, "reports/runs/run_pages", id=run_id)],
            "checks": [_stamped(row) for row in database.every(conn, "reports/runs/run_checks", id=run_id)],
            "triggered": [_stamped(row) for row in database.every(conn, "reports/runs/run_triggered", id=run_id)],
        }


def abort(conn: database.Connection, run_id: int, by: str, why: str = "") -> None:
    """End a running run. Pages that are read just now are still stored; later ones find nothing to do.

    Raises: SettingsError when there is no such run, or it had ended before.
    """
    run = database.one(conn, "runs/get", id=run_id)
    if run is None:
        raise SettingsError(f"There is no run {run_id}: `pkgintel runs` lists them.")
    if not ledger.close(conn, run_id, "aborted", error=f"aborted by {by}" + (f": {why}" if why else "")):
        ended = (database.one(conn, "runs/get", id=run_id) or run)["state"]
        raise SettingsError(f"Run {run_id} is not running: it is {ended}.")


def resume(conn: database.Connection, settings: Deployment, run_id: int) -> str:
    """Go on, in a new run, with what a run left undone; the name of the task that was sent.

    A run that gives no sign of life any more is closed as lost first, whether or not a beat runs that would do it.
    Raises: SettingsError when it is no run to resume, or its source is at work already; ServiceUnavailable when Redis
    does not answer.
    """
    scan.free_lost(conn, settings)
    run = database.one(conn, "runs/get", id=run_id)
    if run is None:
        raise SettingsError(f"There is no run {run_id}: `pkgintel runs` lists them.")
    if run["action"] == "replay":
        raise SettingsError(f"Run {run_id} is a replay: ask for it again with `pkgintel reprocess`.")
    if run["state"] not in RESUMABLE and run["state"] != "running":
        raise SettingsError(f"Run {run_id} is {run['state']}, so nothing of it is left to do.")
    running = database.one(conn, "runs/running", source=run["source"])
    if running is not None:
        raise SettingsError(f"Run {running['id']} of {run['source']} is in progress, and does all there is to do.")
    try:
        return _send(run)
    except (OperationalError, RedisError) as error:
        why = broker.because(settings.redis_url, error)
        raise ServiceUnavailable(f"Redis does not answer, so nothing was sent: {why}.") from None


def _send(run: Mapping[str, Any]) -> str:
    from celery import chain

    from pkgintel.celery import app
    from pkgintel.tasks import workflow

    if run["action"] == "scan":
        workflow.next_scan("manual", cause_id=run["id"])
        return "catalog.scan"
    if run["action"] == "sync":
        workflow.next_sync("manual", cause_id=run["id"])
        return "spdx.sync"
    chain(
        app.signature("verdicts.classify", args=(run["id"],), immutable=True),
        app.signature("checks.run_gate", args=(VERDICTS, None), immutable=True),
    ).apply_async()
    return "verdicts.classify"


def _stamped(row: database.Row) -> dict[str, Any]:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in row.items()}
