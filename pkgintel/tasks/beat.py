"""The ticks and the clock that gives them. Postgres remembers what an operator decided; RedBeat follows.

RedBeat alone forgets: it writes every static entry anew when a beat starts, and a flushed Redis takes all of them away.
So each start of beat and each upkeep lay down what `ops.schedules` says. A tick counts from the moment it was
decided or last came, whichever is later, as Postgres has it: an entry that is enabled does not fire at once, and a tick
that was missed while nobody kept the clock comes once.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

import psycopg
import redis
from celery import Celery
from celery.schedules import crontab
from redbeat.schedulers import RedBeatScheduler, RedBeatSchedulerEntry, ensure_conf
from redis.exceptions import LockNotOwnedError

from pkgintel import database
from pkgintel.celery import app
from pkgintel.errors import PkgintelError, SettingsError
from pkgintel.runtime import process

log = logging.getLogger(__name__)

NAMES = ("nuget", "spdx", "texts")
PATIENCE = 3.0  # Seconds that Redis gets to answer before RedBeat, which waits a minute, is asked anything.


class Tick(TypedDict, total=False):
    """An entry of `beat_schedule`, with what the entries of pkgintel say; a number is seconds."""

    task: str
    schedule: crontab | float
    kwargs: dict[str, str]
    options: dict[str, int]
    enabled: bool


@dataclass(frozen=True, slots=True)
class TickState:
    """What Postgres says of a tick: whether it is on, from when its next time counts, and the crontab it ticks by."""

    enabled: bool
    since: datetime
    cron: str | None


class Scheduler(RedBeatScheduler):  # type: ignore[misc]
    """RedBeat's scheduler, whose ticks are as enabled as Postgres says, whenever beat starts.

    The crontabs of this process's settings become those of the ticks, which Postgres remembers for all who show them.
    """

    refused = False  # Whether Redis took no writes when it was asked last.

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """RedBeat's tick; seconds until the next one. While Redis takes no writes nothing is sent, and it waits.

        Raises: LockNotOwnedError when another beat has the lock; RedisError when Redis does not answer.
        """
        try:
            seconds = self._tick(*args, **kwargs)
        except redis.ResponseError as error:  # Its disk is full, say, or it is a replica.
            self.refused = True
            log.warning("Redis takes no writes, so no tick is sent: %s", error)
            return float(self.max_interval)
        self.refused = False
        return seconds

    def _tick(self, *args: Any, **kwargs: Any) -> float:
        try:
            seconds: float = super().tick(*args, **kwargs)
        except LockNotOwnedError:
            # The lock may have run out while it could not be extended.
            if not self.refused or not self.lock.acquire(blocking=False):
                raise
            return 0.0
        return seconds

    def update_from_dict(self, dict_: dict[str, Tick]) -> None:
        """Lay down the static entries; while Postgres does not answer, the ticks stay as RedBeat knows them, or off."""
        decided: Mapping[str, TickState] = {}
        try:
            with database.connect(process.current().deployment.database_url) as conn:
                for name, cron in crons().items():
                    database.run(conn, "schedules/lay_down", name=name, cron=cron)
                decided = _decided(conn)
        except (psycopg.Error, PkgintelError) as error:
            log.warning("ops.schedules cannot be read, so the ticks stay as they are: %s", error)
        for name, spec in dict_.items():
            _lay_down(self.app, name, spec, decided.get(name))


def _decided(conn: database.Connection) -> dict[str, TickState]:
    rows = database.every(conn, "schedules/all")
    return {
        row["name"]: TickState(
            row["enabled"],
            max(filter(None, (row["changed_at"], row["last_tick"]))).astimezone(UTC),
            row["cron"],
        )
        for row in rows
    }


def crons() -> dict[str, str]:
    """The crontab of each tick as the settings of this process have it."""
    deployment = process.current().deployment
    return {"nuget": deployment.nuget_cron, "spdx": deployment.spdx_cron, "texts": deployment.texts_cron}


def _lay_down(app: Celery, name: str, spec: Tick, decided: TickState | None) -> None:
    """Write an entry as its configuration has it, as enabled as was decided."""
    known, now = entry_of(app, name), datetime.now(UTC)
    entry = RedBeatSchedulerEntry(**{**spec, "name": name, "app": app})
    if name in NAMES:
        entry.enabled = decided.enabled if decided else bool(known and known.enabled)
    if known is None or known.last_run_at is None or (entry.enabled and not known.enabled):
        entry.last_run_at = decided.since if decided else now
    elif known.schedule != entry.schedule:
        entry.last_run_at = now  # A changed cron counts from now, or a shorter one would be overdue.
    else:
        entry.last_run_at = known.last_run_at
    if known is not None and known.last_run_at != entry.last_run_at:
        entry.reschedule(last_run_at=entry.last_run_at)  # First: once enabled, an acting beat would find it overdue.
    entry.save()


def entry_of(app: Celery, name: str) -> RedBeatSchedulerEntry | None:
    """RedBeat's entry of a tick, or None."""
    ensure_conf(app)
    try:
        return RedBeatSchedulerEntry.from_key(RedBeatSchedulerEntry.generate_key(app, name), app=app)
    except KeyError:
        return None


def switch(conn: database.Connection, app: Celery, name: str, *, enabled: bool, by: str) -> None:
    """Enable or disable a tick, in Postgres first. An enabled one waits for its next time; it does not fire at once.

    Raises: SettingsError for a name that is no tick; RedisError when only Postgres was written (beat follows it later).
    """
    require(name)
    database.run(conn, "schedules/switch", name=name, enabled=enabled, by=by)
    apply(conn, app)


def apply(conn: database.Connection, app: Celery) -> list[str]:
    """Bring RedBeat to what Postgres says, where the two differ or an entry is gone; returns what was changed.

    Safe at any time, from anywhere. A changed cron is beat's own business, when it starts with it.
    Raises: RedisError, within seconds, when Redis does not answer.
    """
    with redis.Redis.from_url(
        app.conf.redbeat_redis_url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE
    ) as client:
        client.ping()
    decided, told = _decided(conn), []
    for name, spec in app.conf.beat_schedule.items():
        known, wanted = entry_of(app, name), decided.get(name)
        if known is None:
            if wanted and wanted.cron and wanted.cron != crons()[name]:  # Beat was started with other settings.
                spec = {**spec, "schedule": crontab.from_string(wanted.cron)}
            _lay_down(app, name, spec, wanted)
            told.append(f"laid down {name}, {'on' if wanted is None or wanted.enabled else 'off'}")
        elif wanted is not None and bool(known.enabled) != wanted.enabled:
            if wanted.enabled:
                known.reschedule(last_run_at=wanted.since)  # First: once enabled, beat would find it overdue.
            known.enabled = wanted.enabled
            known.save()
            told.append(f"set the clock's {name} {'on' if wanted.enabled else 'off'}")
    return told


def fire(conn: database.Connection, app: Celery, name: str) -> tuple[str, str]:
    """Send a tick's task once, whether it is enabled or not: the names of the task and of this sending of it.

    An enabled one has come by that, so it is late no more.
    Raises: SettingsError for a name that is no tick; OperationalError or RedisError when Redis does not answer.
    """
    require(name)
    task = app.conf.beat_schedule[name]["task"]
    sent = app.send_task(task, kwargs={"kind": "manual"})
    database.run(conn, "schedules/fired", name=name)
    return task, sent.id


def next_tick(cron: str) -> datetime:
    """When a tick of crontab `cron` comes next (RedBeat's own due time drifts, so it is reckoned from now)."""
    now = datetime.now(UTC)
    return (now + _left(cron, now) + timedelta(milliseconds=500)).replace(microsecond=0)  # Celery's falls a bit short.


def seconds_left(cron: str, since: datetime) -> float:
    """Seconds until the tick of crontab `cron` that follows `since`; below zero when it is due."""
    return _left(cron, since.astimezone(UTC)).total_seconds()


def _left(cron: str, since: datetime) -> timedelta:
    schedule = crontab.from_string(cron)
    schedule.app = app
    left: timedelta = schedule.remaining_estimate(since)
    return left


def require(name: str) -> None:
    """Raises: SettingsError unless `name` is a tick."""
    if name not in NAMES:
        raise SettingsError(f"There is no schedule {name!r}; there are {', '.join(NAMES[:-1])} and {NAMES[-1]}.")
