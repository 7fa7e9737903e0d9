"""How a task fails: tried again later while the trouble may pass, else its run is closed with the reason."""

import logging
import random
from contextlib import suppress

import psycopg
from celery import Task
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from pkgintel.errors import PkgintelError, ServiceUnavailable, UpstreamUnavailable
from pkgintel.pipeline import heartbeats, runs
from pkgintel.pipeline.states import State
from pkgintel.runtime import process

log = logging.getLogger(__name__)

TRIES = 4  # Of a task after its first one, beyond the tries of each request inside it.
SENDS = 3  # How often a callback is sent again before its run counts as lost.

# Trouble that time may heal.
PASSING = (
    UpstreamUnavailable,
    ServiceUnavailable,
    psycopg.OperationalError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    RedisError,
    BrokerError,
)


def later(task: Task, error: Exception, run_id: int | None = None) -> Exception:
    """What to raise so that Celery runs the task again: soon at first, then less so, never all at once."""
    wait = max(getattr(error, "retry_after", 0.0), min(60.0, 2.0 ** (task.request.retries + 1)))
    wait *= random.uniform(1.0, 1.3)  # noqa: S311 (jitter)
    log.warning("%s: tried again in %.0f s: %s", task.name, wait, error)
    if run_id is not None:
        with suppress(psycopg.Error, PkgintelError), process.current().database.connection() as conn:
            heartbeats.expect(conn, run_id, wait)
    again: Exception = task.retry(exc=error, countdown=wait, throw=False)
    return again


def end(task: Task, run_id: int | None, error: Exception) -> None:
    """End a try that met `error`: its run is closed with it, unless the task may be tried again.

    Raises: what makes Celery run the task again, where the trouble may pass and tries are left.
    """
    if isinstance(error, PASSING) and not last(task):
        raise later(task, error, run_id) from error
    close_failed(run_id, error)


def last(task: Task) -> bool:
    """Whether this try of the task is its last."""
    return bool(task.request.retries >= (task.max_retries or 0))


def close_failed(run_id: int | None, error: Exception) -> None:
    """Write how a run ended, if it had begun; where even that fails, its missing heartbeat shows it."""
    if run_id is None:
        return
    words = str(error) if isinstance(error, PkgintelError) else f"{type(error).__name__}: {error}"
    try:
        with process.current().database.connection() as conn:
            runs.end(conn, run_id, State.FAILED, error=words, error_type=type(error).__name__)
    except (psycopg.Error, PkgintelError):
        log.exception("run %s could not be closed", run_id)
