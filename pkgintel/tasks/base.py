"""The one base of all tasks: it opens the process, names the log lines, tries again what may pass, ends what failed."""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Protocol

import celery
import psycopg
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from pkgintel.celery import app
from pkgintel.database import Connection, migrations
from pkgintel.errors import (
    AlreadyRunning,
    GateFailed,
    PkgintelError,
    RunFailed,
    ServiceUnavailable,
    SettingsError,
    UpstreamUnavailable,
)
from pkgintel.pipeline import answers, heartbeats, runs
from pkgintel.pipeline.states import State
from pkgintel.runtime import logs, memory, process
from pkgintel.runtime.process import Process

log = logging.getLogger(__name__)

TRIES = 4  # Of a task after its first one, beyond the tries of each request inside it.
SENDS = 3  # How often a callback is sent again before its run counts as lost.
LONGEST_WAIT = 60.0  # Seconds before another try, but for what upstream asks.

# Trouble that time may heal.
PASSING = (
    UpstreamUnavailable,
    ServiceUnavailable,
    psycopg.OperationalError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.ReadOnlySqlTransaction,  # A standby that is not promoted yet.
    RedisError,
    BrokerError,
)


class Failure(Protocol):
    """Writes down why a part of a run is not done."""

    def __call__(self, error: Exception, *, final: bool) -> None:
        """`final` says that no other try follows."""


class Task(celery.Task):  # type: ignore[misc]
    """A task of the pipeline: its function says what is done, this how it is begun, tried again and ended."""

    max_retries = TRIES
    throws = (GateFailed, SettingsError)  # Sentences for a person: the log needs no traceback of them.

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """One try. A second scan or sync of a source does nothing and says so; passing trouble brings another try."""
        with logs.about(task=self.request.id):
            try:
                return self.run(*args, **kwargs)
            except AlreadyRunning as other:
                return str(other)
            except PASSING as error:
                if self.is_last:
                    raise
                raise self._again(error) from error
            finally:
                self._count_answers()
                memory.give_back()

    @property
    def process(self) -> Process:
        """What this process works with."""
        return process.current()

    @property
    def is_last(self) -> bool:
        """Whether this try is the last one."""
        return bool(self.request.retries >= (self.max_retries or 0))

    @contextmanager
    def connection(self, run_id: int | None = None) -> Iterator[Connection]:
        """A connection to a database of our schema; log lines written meanwhile carry run `run_id`.

        Raises: SchemaBehind, ServiceUnavailable.
        """
        with logs.about(run=run_id), self.process.database.connection() as conn:
            migrations.require_schema(conn)
            yield conn

    @contextmanager
    def carrying(self, run_id: int) -> Iterator[Connection]:
        """Carry a run forward: it shows signs of life, and is ended as failed with the error that ends the last try."""
        mine = self.process
        with (
            logs.about(run=run_id),
            self.trying(run_id, partial(_end_failed, mine, run_id)),
            heartbeats.pulse(mine.database, run_id, mine.deployment.lost_after),
            mine.database.connection() as conn,
        ):
            yield conn

    @contextmanager
    def trying(self, run_id: int, failed: Failure) -> Iterator[None]:
        """One try at a part of a run. `failed` writes down the error that ends it."""
        try:
            yield
        except Exception as error:
            final = self.is_last or not isinstance(error, PASSING)
            failed(error, final=final)
            if final:
                raise
            raise self._again(error, run_id) from error

    @contextmanager
    def sending(self, run_id: int) -> Iterator[None]:
        """Send what makes a run go on. One that cannot be sent fails: another try would open another run.

        Raises: RunFailed.
        """
        try:
            yield
        except Exception as error:
            _end_failed(self.process, run_id, error, final=True)
            raise RunFailed(f"Run {run_id}: its pages could not be sent: {_words(error)}") from error

    def progress(self, text: str) -> None:
        """Show how far the task is, where task events are read. Redis may be away; that is no trouble of the task."""
        with suppress(BrokerError, RedisError, OSError):
            self.send_event("task-progress", result=text)

    def _count_answers(self) -> None:
        """Add what upstream answered to the totals, however the try ended: also a page that failed heard it."""
        mine = self.process
        if mine.opened is not None and any(mine.opened.counts.values()):
            with suppress(psycopg.Error, PkgintelError), mine.database.connection() as conn:
                answers.count(conn, mine.opened)

    def _again(self, error: Exception, run_id: int | None = None) -> Exception:
        """What to raise so that Celery runs the task again: soon at first, then less so, never all at once."""
        wait = max(getattr(error, "retry_after", 0.0), min(LONGEST_WAIT, 2.0 ** (self.request.retries + 1)))
        wait *= random.uniform(1.0, 1.3)  # noqa: S311 (jitter)
        log.warning("%s: tried again in %.0f s: %s", self.name, wait, error)
        if run_id is not None:
            with suppress(psycopg.Error, PkgintelError), self.process.database.connection() as conn:
                heartbeats.expect(conn, run_id, wait, _words(error))
        again: Exception = self.retry(exc=error, countdown=wait, throw=False)
        return again


task = partial(app.task, bind=True, base=Task)


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, PkgintelError) else f"{type(error).__name__}: {error}"


def _end_failed(mine: Process, run_id: int, error: Exception, *, final: bool) -> None:
    """End a run that failed for good; where even that cannot be written, its missing heartbeat shows it."""
    if not final:
        return
    try:
        with mine.database.connection() as conn:
            runs.end(conn, run_id, State.FAILED, error=_words(error), error_type=type(error).__name__)
    except (psycopg.Error, PkgintelError):
        log.exception("run %s could not be ended", run_id)
