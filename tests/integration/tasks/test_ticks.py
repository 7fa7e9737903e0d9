"""When the ticks come, and where that is shown: what Postgres decided holds, and every process shows the same."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from celery.schedules import crontab

from pkgintel import database as db
from pkgintel.celery import app as the_app
from pkgintel.reports import schedules, status
from pkgintel.settings import Settings
from pkgintel.tasks import beat as schedule
from tests.support.beats import Beat, acting, fired
from tests.support.waiting import until

pytestmark = pytest.mark.processes


def test_the_crontabs_shown_are_those_of_the_clock(conn: db.Connection, clock: Any) -> None:
    shown = {name: tick.cron for name, tick in schedules.ticks(conn).items()}
    assert (
        {name: status_cron(name) for name in schedule.NAMES}
        == shown
        == {
            "nuget": "0 */6 * * *",
            "spdx": "0 6 * * 1",
            "texts": "0 3 * * *",
        }
    )


def status_cron(name: str) -> str:
    fields = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    entry = the_app.conf.beat_schedule[name]["schedule"]
    return " ".join(str(getattr(entry, f"_orig_{field}")) for field in fields).replace("mon", "1")


def test_the_crontab_that_ticks_is_the_one_that_every_process_shows(
    conn: db.Connection, beat: Beat, broker: "redis.Redis[Any]", clock: Any
) -> None:
    first = beat(environ={"PKGINTEL_NUGET_CRON": "15 3 * * *"})
    until(lambda: acting(broker), "beat acts")
    schedule.switch(conn, clock, "nuget", enabled=True, by="tests")
    tick = schedules.ticks(conn)["nuget"]
    assert tick.cron == "15 3 * * *", "this process has another one in its settings"
    assert tick.next_tick is not None
    assert (tick.next_tick.hour, tick.next_tick.minute) == (3, 15)
    assert schedule.entry_of(clock, "nuget").schedule == crontab.from_string("15 3 * * *")

    schedule.entry_of(clock, "nuget").delete()
    schedule.apply(conn, clock)  # As upkeep does, in a worker with other settings.
    assert schedule.entry_of(clock, "nuget").schedule == crontab.from_string("15 3 * * *")

    first.terminate()
    first.wait(30)
    beat(environ={"PKGINTEL_NUGET_CRON": "45 * * * *"})
    until(lambda: schedules.ticks(conn)["nuget"].cron == "45 * * * *", "the second beat laid down its own")
    until(lambda: schedule.entry_of(clock, "nuget").schedule == crontab.from_string("45 * * * *"), "RedBeat has it")
    assert schedule.entry_of(clock, "nuget").enabled
    assert fired(broker) == 0


def test_while_postgres_is_away_the_ticks_stay_as_redbeat_knows_them(
    beat: Beat, broker: "redis.Redis[Any]", clock: Any, conn: db.Connection
) -> None:
    schedule.apply(conn, clock)
    schedule.switch(conn, clock, "nuget", enabled=True, by="tests")
    beat("postgresql://nobody@127.0.0.1:1/none", nuget=3600.0)
    until(lambda: acting(broker), "beat acts without Postgres")
    assert [schedule.entry_of(clock, name).enabled for name in schedule.NAMES] == [True, False, False]


def test_without_redis_the_decision_is_stored_at_once(conn: db.Connection, clock: Any) -> None:
    clock.conf.redbeat_redis_url = "redis://127.0.0.1:1/0"
    begun = datetime.now(UTC)
    with pytest.raises(redis.RedisError):
        schedule.switch(conn, clock, "spdx", enabled=True, by="tests")
    assert datetime.now(UTC) - begun < timedelta(seconds=10)
    assert schedules.ticks(conn)["spdx"].enabled


def test_scans_that_continue_a_tick_are_no_ticks(conn: db.Connection, settings: Settings) -> None:
    conn.execute(
        """
        INSERT INTO ops.runs (source, kind, action, state, finished_at, root_id, cause_id, started_at)
        VALUES ('nuget', 'scheduled', 'scan', 'done', now(), 1, NULL, '2026-01-01 00:00Z'),
               ('nuget', 'scheduled', 'scan', 'failed', now(), 1, NULL, '2026-01-01 00:10Z'),
               ('nuget', 'scheduled', 'scan', 'done', now(), NULL, 2, '2026-01-01 00:20Z')
        """
    )
    told = status.report(conn, settings).as_json()["schedules"]["nuget"]
    assert (told["last_tick"], told["last_run"], told["last_result"]) == ("2026-01-01T00:00:00Z", 1, "done")


def test_over_days_each_tick_comes_once_at_its_hour_and_a_night_without_a_beat_costs_one(
    conn: db.Connection, clock: Any, broker: "redis.Redis[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler of beat itself, half an hour of whose clock passes at each look: nine days in a moment."""
    schedule.switch(conn, clock, "nuget", enabled=True, by="ann")
    schedule.switch(conn, clock, "spdx", enabled=True, by="ann")
    now = datetime.now(UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    keeper = schedule.Scheduler(app=clock, lazy=True)
    keeper.lock_key = None
    keeper.setup_schedule()
    fired: list[tuple[str, datetime]] = []
    begun, night = now, range(30, 61)  # Half hours without a beat: fifteen hours.
    for half in range(9 * 48):
        now += timedelta(minutes=30)
        if half in night:
            continue
        keeper.tick()
        while message := broker.lpop("catalog"):
            fired.append((json.loads(str(message))["headers"]["task"], now))

    asleep, awake = (begun + timedelta(minutes=30 * half) for half in (night[0], night[-1] + 2))
    due = [begun.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=6 * n) for n in range(1, 45)]
    expected = [at for at in due if begun < at <= asleep or awake < at <= now]
    scans = [at for task, at in fired if task == "catalog.scan"]
    assert [at for at in scans if at != awake] == [
        next(begun + timedelta(minutes=30 * n) for n in range(1000) if begun + timedelta(minutes=30 * n) >= at)
        for at in expected
    ]
    assert scans.count(awake) == 1, "what was missed in the night comes once"
    assert 1 <= sum(task == "spdx.sync" for task, _ in fired) <= 2
    assert all(at.isoweekday() == 1 and at.hour == 6 for task, at in fired if task == "spdx.sync" and at != awake)
