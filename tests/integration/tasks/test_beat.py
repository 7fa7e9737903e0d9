"""The two ticks, with real beats: what Postgres decided holds, whatever happens to beat and Redis.

What a beat fires is read from the queue itself, for no worker runs here.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import redis
from celery.schedules import crontab

from pkgintel import database as db
from pkgintel.celery import app as the_app
from pkgintel.reports import schedules, status
from pkgintel.runtime import deployment
from pkgintel.settings import Settings
from pkgintel.tasks import beat as schedule
from tests.support.checkout import CHECKOUT
from tests.support.patience import quick
from tests.support.processes import working_for
from tests.support.waiting import until

pytestmark = pytest.mark.processes

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


@pytest.fixture
def broker(redis_url: str) -> Iterator["redis.Redis[Any]"]:
    """The Redis of this test."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def clock(database: str, redis_url: str) -> Iterator[Any]:
    """The application of this process, told of the test's Redis."""
    before = (the_app.conf.redbeat_redis_url, the_app.conf.broker_url)
    _forget_redis()
    the_app.conf.redbeat_redis_url = the_app.conf.broker_url = redis_url
    with working_for(quick(database, redis_url)):
        yield the_app
    the_app.conf.redbeat_redis_url, the_app.conf.broker_url = before
    _forget_redis()


def _forget_redis() -> None:
    for name in ("redbeat_conf", "redbeat_redis"):
        if hasattr(the_app, name):
            delattr(the_app, name)


def lay_clock(folder: Path, crons: Mapping[str, str | float]) -> None:
    """Make a module `ticking`, which is the application with these crons or seconds."""
    (folder / "ticking.py").write_text(TICKING % json.dumps(crons))


def ticking(folder: Path, database_url: str, redis_url: str) -> dict[str, str]:
    """The environment of a process that finds it."""
    environment = deployment.environment(quick(database_url, redis_url)) | {"PATH": "/usr/bin:/bin"}
    return environment | {"PYTHONPATH": f"{folder}:{CHECKOUT}", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def beat(database: str, redis_url: str, tmp_path: Path) -> Iterator[Beat]:
    """Starts beats; `database_url` and the `crons` (text) or seconds of the ticks may be others, and `environ` more."""
    started: list[subprocess.Popen[bytes]] = []

    def start(
        database_url: str = database,
        environ: Mapping[str, str] = {},
        **crons: str | float,
    ) -> "subprocess.Popen[bytes]":
        lay_clock(tmp_path, crons)
        with (tmp_path / f"beat{len(started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "ticking", "beat", "-l", "INFO"],
                cwd=tmp_path,
                env={**ticking(tmp_path, database_url, redis_url), **environ},
                stdout=log,
                stderr=log,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
    for process in started:
        process.wait()


@pytest.fixture
def supervised(database: str, redis_url: str, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`pkgintel up` with a beat alone, whose nuget tick comes each hour."""
    lay_clock(tmp_path, {"nuget": 3600.0})
    (tmp_path / "Procfile").write_text(f"beat: {sys.executable} -m celery -A ticking beat -l INFO\n")
    with (tmp_path / "up.log").open("wb") as log:
        up = subprocess.Popen(
            [sys.executable, "-m", "pkgintel", "up", "--procfile", str(tmp_path / "Procfile")],
            cwd=CHECKOUT,
            env=ticking(tmp_path, database, redis_url),
            stdout=log,
            stderr=log,
        )
    yield up
    up.terminate()
    assert up.wait(30) == 0, (tmp_path / "up.log").read_text()


def fired(broker: "redis.Redis[Any]", task: str = "catalog.scan") -> int:
    """How often a task was sent and not taken up."""
    messages = [json.loads(text) for queue in ("catalog", "ops") for text in broker.lrange(queue, 0, -1)]
    return sum(message["headers"]["task"] == task for message in messages)


def acting(broker: "redis.Redis[Any]") -> str | None:
    """The token of the beat that holds the lock."""
    return broker.get("pkgintel:beat::lock")


def looked(broker: "redis.Redis[Any]", times: int) -> None:
    """Wait until the acting beat renewed its lock so many times."""
    for _ in range(times):
        until(lambda: 0 < broker.pttl("pkgintel:beat::lock") < 3900, "the lock grows old")
        until(lambda: broker.pttl("pkgintel:beat::lock") > 3900, "the lock is renewed")


def overdue_in(app: Any, name: str, seconds: float, every: float = 3600) -> None:
    """Make the tick of an interval of `every` seconds due in so many."""
    entry = schedule.entry_of(app, name)
    entry.reschedule(last_run_at=datetime.now(UTC) - timedelta(seconds=every - seconds))


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


def status_cron(name: str) -> str:
    fields = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    entry = the_app.conf.beat_schedule[name]["schedule"]
    return " ".join(str(getattr(entry, f"_orig_{field}")) for field in fields).replace("mon", "1")


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
