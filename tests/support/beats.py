"""Beats whose clock is faster, and what they do, as Redis has it."""

import json
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis

from pkgintel.runtime import deployment
from pkgintel.tasks import beat as schedule
from tests.support.checkout import CHECKOUT
from tests.support.patience import quick
from tests.support.waiting import until

# The application with its own clock, only faster: a lock of four seconds, a look each half second.
TICKING = """
import json, sys
from celery.schedules import crontab, schedule
from pkgintel.celery import app
app.conf.update(beat_max_loop_interval=0.5, redbeat_lock_timeout=4, redbeat_redis_options={"retry_period": 2})
crons = json.loads(%r)
for name, cron in crons.items():
    app.conf.beat_schedule[name]["schedule"] = crontab.from_string(cron) if isinstance(cron, str) else schedule(cron)
"""


Beat = Callable[..., "subprocess.Popen[bytes]"]


def lay_clock(folder: Path, crons: Mapping[str, str | float]) -> None:
    """Make a module `ticking`, which is the application with these crons or seconds."""
    (folder / "ticking.py").write_text(TICKING % json.dumps(crons))


def ticking(folder: Path, database_url: str, redis_url: str) -> dict[str, str]:
    """The environment of a process that finds it."""
    environment = deployment.environment(quick(database_url, redis_url)) | {"PATH": "/usr/bin:/bin"}
    return environment | {"PYTHONPATH": f"{folder}:{CHECKOUT}", "PYTHONDONTWRITEBYTECODE": "1"}


def fired(broker: redis.Redis, task: str = "catalog.scan") -> int:
    """How often a task was sent and not taken up."""
    messages = [json.loads(text) for queue in ("catalog", "ops") for text in broker.lrange(queue, 0, -1)]
    return sum(message["headers"]["task"] == task for message in messages)


def acting(broker: redis.Redis) -> str | None:
    """The token of the beat that holds the lock."""
    held = broker.get("pkgintel:beat::lock")
    return str(held) if held else None


def looked(broker: redis.Redis, times: int) -> None:
    """Wait until the acting beat renewed its lock so many times."""
    for _ in range(times):
        until(lambda: 0 < broker.pttl("pkgintel:beat::lock") < 3900, "the lock grows old")
        until(lambda: broker.pttl("pkgintel:beat::lock") > 3900, "the lock is renewed")


def overdue_in(app: Any, name: str, seconds: float, every: float = 3600) -> None:
    """Make the tick of an interval of `every` seconds due in so many."""
    entry = schedule.entry_of(app, name)
    assert entry is not None, f"RedBeat has no {name}"
    entry.reschedule(last_run_at=datetime.now(UTC) - timedelta(seconds=every - seconds))
