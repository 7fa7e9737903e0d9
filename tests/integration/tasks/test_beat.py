"""The two ticks, with real beats: what Postgres decided holds, whatever happens to beat and Redis.

What a beat fires is read from the queue itself, for no worker runs here.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import redis
from celery.schedules import crontab

from pkgintel import database as db
from pkgintel.reports import schedules
from pkgintel.tasks import beat as schedule
from tests.support.beats import Beat, acting, fired, looked, overdue_in
from tests.support.waiting import until

pytestmark = pytest.mark.processes


@pytest.fixture
def refusable(broker: "redis.Redis[Any]", redis_url: str) -> Iterator[str]:
    """The address of Redis for the user "clockwork", who may lose the right to write."""
    broker.execute_command("ACL", "SETUSER", "clockwork", "on", ">s3cret", "~*", "&*", "+@all")
    parts = urlsplit(redis_url)
    yield parts._replace(netloc=f"clockwork:s3cret@{parts.hostname}:{parts.port}").geturl()
    broker.execute_command("ACL", "DELUSER", "clockwork")


def test_a_beat_outlasts_a_redis_that_takes_no_writes(
    beat: Beat, broker: "redis.Redis[Any]", refusable: str, tmp_path: Path
) -> None:
    def refusals() -> int:
        return (tmp_path / "beat0.log").read_text().count("Redis takes no writes, so no tick is sent")

    process = beat(environ={"PKGINTEL_REDIS_URL": refusable})
    before = until(lambda: acting(broker), "beat acts")
    broker.execute_command("ACL", "SETUSER", "clockwork", "-@write")
    until(lambda: not acting(broker), "its lock runs out")
    seen = refusals()
    assert seen, "it says why"
    until(lambda: refusals() > seen + 1, "it cannot take the lock again")
    broker.execute_command("ACL", "SETUSER", "clockwork", "+@write")
    assert until(lambda: acting(broker), "it acts again") != before
    looked(broker, 1)
    assert process.poll() is None


def test_a_fresh_deploy_fires_nothing(beat: Beat, broker: "redis.Redis[Any]", clock: Any) -> None:
    beat(nuget=1.0, spdx=1.0)
    until(lambda: acting(broker), "beat acts")
    looked(broker, 2)
    assert fired(broker) == fired(broker, "spdx.sync") == 0
    assert [schedule.entry_of(clock, name).enabled for name in schedule.NAMES] == [False, False, False]
    assert schedule.entry_of(clock, "upkeep").enabled


def test_enabling_waits_for_the_next_tick_and_survives_beat_cron_and_flush(
    beat: Beat, broker: "redis.Redis[Any]", clock: Any, conn: db.Connection
) -> None:
    first = beat(nuget=3600.0)
    until(lambda: acting(broker), "beat acts")
    overdue_in(clock, "nuget", -86_400)  # Laid down a day ago and stopped since.
    schedule.switch(conn, clock, "nuget", enabled=True, by="tests")
    looked(broker, 2)
    assert fired(broker) == 0
    told = schedules.ticks(conn)["nuget"]
    assert (told.enabled, told.changed_by, told.last_tick) == (True, "tests", None)

    first.terminate()
    assert first.wait(20) == 0
    beat(nuget="*/7 1 * * *")  # A new beat with another cron.
    until(lambda: acting(broker), "the second beat acts")
    entry = schedule.entry_of(clock, "nuget")
    assert entry.enabled
    assert entry.schedule == crontab(minute="*/7", hour="1")
    looked(broker, 1)
    assert fired(broker) == 0

    broker.flushdb()
    assert schedule.apply(conn, clock) == [
        "laid down nuget, on",
        "laid down spdx, off",
        "laid down texts, off",
        "laid down upkeep, on",
    ]
    assert schedule.entry_of(clock, "nuget").enabled
    assert schedule.apply(conn, clock) == []


def test_a_tick_missed_by_a_flush_comes_once(
    beat: Beat, broker: "redis.Redis[Any]", clock: Any, conn: db.Connection
) -> None:
    conn.execute(
        "UPDATE ops.schedules SET enabled = true, changed_at = now() - interval '2 hours' WHERE name = 'nuget'"
    )
    beat(nuget=3600.0)
    until(lambda: fired(broker) == 1, "the missed tick comes")
    looked(broker, 2)
    assert fired(broker) == 1


def test_a_standby_takes_over_and_fires_once(
    beat: Beat, broker: "redis.Redis[Any]", clock: Any, conn: db.Connection
) -> None:
    one = beat(nuget=3600.0)
    until(lambda: acting(broker), "beat acts")
    holder = acting(broker)
    broker.delete("pkgintel:beat::statics")
    beat(nuget=3600.0)
    until(lambda: len(broker.smembers("pkgintel:beat::statics")) == 4, "the standby has laid down the ticks too")
    schedule.switch(conn, clock, "nuget", enabled=True, by="tests")
    overdue_in(clock, "nuget", 2)
    one.kill()
    one.wait()
    until(lambda: acting(broker) not in (None, holder), "the standby takes over", timeout=15)
    until(lambda: fired(broker) == 1, "the tick comes")
    looked(broker, 2)
    assert fired(broker) == 1


@pytest.mark.parametrize("harm", ["flush", "kill"])
def test_a_supervised_beat_comes_back_with_its_ticks_which_come_once(
    supervised: "subprocess.Popen[bytes]", broker: "redis.Redis[Any]", clock: Any, conn: db.Connection, harm: str
) -> None:
    until(lambda: acting(broker), "beat acts")
    schedule.switch(conn, clock, "nuget", enabled=True, by="tests")
    looked(broker, 1)
    first, holder = psutil.Process(supervised.pid).children()[0], acting(broker)
    # Due soon, as only Postgres knows: who lays the tick down anew reads it there, and who runs does not see it.
    conn.execute("UPDATE ops.schedules SET changed_at = now() - interval '3594 seconds' WHERE name = 'nuget'")
    assert fired(broker) == 0
    if harm == "flush":
        broker.flushdb()
    else:
        overdue_in(clock, "nuget", 6)
        first.kill()
    until(lambda: not first.is_running() or first.status() == psutil.STATUS_ZOMBIE, "the first beat ended")
    until(lambda: acting(broker) not in (None, holder), "another beat acts")
    assert [schedule.entry_of(clock, name).enabled for name in schedule.NAMES] == [True, False, False]
    until(lambda: fired(broker) == 1, "the tick comes")
    looked(broker, 3)
    assert fired(broker) == 1
    assert fired(broker, "spdx.sync") == 0
