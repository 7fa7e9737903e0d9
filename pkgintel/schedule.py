"""The two ticks and the clock that gives them. Postgres remembers what an operator decided; RedBeat is told.

RedBeat writes every static entry anew when a beat starts, and keeps only when it last ran: an operator's switch would
be lost with each restart. So the scheduler below asks `ops.schedules` first.
"""

import logging
from datetime import UTC, datetime
from typing import Any

import psycopg
from redbeat.schedulers import RedBeatScheduler, RedBeatSchedulerEntry, ensure_conf

from pkgintel import db, deployment
from pkgintel.catalog import iso
from pkgintel.errors import PkgintelError, SettingsError

log = logging.getLogger(__name__)

NAMES = ("nuget", "spdx")
CRON = {"nuget": "0 */6 * * *", "spdx": "0 6 * * 1"}  # As celeryconfig.py has them; a test holds the two together.


class Scheduler(RedBeatScheduler):  # type: ignore[misc]
    """RedBeat's scheduler, whose two ticks are as enabled as Postgres says, whenever beat starts."""

    def update_from_dict(self, dict_: dict[str, Any]) -> None:
        """Lay down the static entries; while Postgres does not answer, the ticks stay as RedBeat knows them, or off."""
        decided = _decided()
        merged = {}
        for name, spec in dict_.items():
            spec = dict(spec)
            if name in NAMES:
                spec["enabled"] = decided[name] if decided else _known(self.app, name)
            merged[name] = spec
        super().update_from_dict(merged)


def _decided() -> dict[str, bool] | None:
    try:
        settings = deployment.current()
        with db.connection(settings.database_url or "") as conn:
            return {row["name"]: row["enabled"] for row in db.every(conn, "runs/schedules")}
    except (psycopg.Error, PkgintelError) as error:
        log.warning("ops.schedules cannot be read, so the ticks stay as they are: %s", error)
        return None


def _known(app: Any, name: str) -> bool:
    try:
        return bool(RedBeatSchedulerEntry.from_key(RedBeatSchedulerEntry.generate_key(app, name), app=app).enabled)
    except KeyError:
        return False


def switch(conn: db.Connection, app: Any, name: str, *, enabled: bool, by: str) -> None:
    """Enable or disable a tick, in Postgres first. An enabled one waits for its next time; it does not fire at once.

    Raises: SettingsError for a name that is no tick.
    """
    require(name)
    db.run(conn, "runs/switch", name=name, enabled=enabled, by=by)
    apply(conn, app)


def apply(conn: db.Connection, app: Any) -> None:
    """Tell RedBeat what Postgres says, where the two differ."""
    ensure_conf(app)
    for row in db.every(conn, "runs/schedules"):
        entry = entry_of(app, row["name"])
        if bool(entry.enabled) != row["enabled"]:
            entry.enabled = row["enabled"]
            entry.save()
            if row["enabled"]:
                entry.reschedule(last_run_at=datetime.now(UTC))


def entry_of(app: Any, name: str) -> Any:
    """RedBeat's entry of a tick, laid down (stopped) where it is missing."""
    ensure_conf(app)
    try:
        return RedBeatSchedulerEntry.from_key(RedBeatSchedulerEntry.generate_key(app, name), app=app)
    except KeyError:
        spec = dict(app.conf.beat_schedule[name])
        return RedBeatSchedulerEntry(name=name, app=app, last_run_at=datetime.now(UTC), **spec).save()


def next_tick(app: Any, name: str) -> datetime:
    """When the tick comes next if it is enabled (RedBeat's own due time drifts, so it is reckoned from now)."""
    schedule = app.conf.beat_schedule[name]["schedule"]
    now = datetime.now(UTC)
    return now + schedule.remaining_estimate(now)  # type: ignore[no-any-return]


def describe(conn: db.Connection) -> dict[str, dict[str, Any]]:
    """The ticks as an operator sees them: cron, state, who decided it and when, last tick and its result, next tick.

    Times are ISO 8601 in UTC. Needs Postgres only.
    """
    from pkgintel.celery import app  # Its configuration holds the crontabs, and is read when first asked.

    described = {}
    for row in db.every(conn, "runs/schedules"):
        last = db.one(conn, "runs/last_tick", source=row["name"]) or {}
        described[row["name"]] = {
            "cron": CRON[row["name"]],
            "enabled": row["enabled"],
            "changed_by": row["changed_by"],
            "changed_at": iso(row["changed_at"]),
            "last_tick": iso(last.get("started_at")),
            "last_result": last.get("state"),
            "next_tick": iso(next_tick(app, row["name"])) if row["enabled"] else None,
        }
    return described


def require(name: str) -> None:
    """Raises: SettingsError unless `name` is a tick."""
    if name not in NAMES:
        raise SettingsError(f"There is no schedule {name!r}; there are {' and '.join(NAMES)}.")
