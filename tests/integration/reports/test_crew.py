"""What status says of schedules, ticks, workers and Redis."""

from urllib.parse import urlsplit

import redis

from pkgintel import database
from pkgintel.reports import crew
from pkgintel.settings import Settings
from tests.support.reports import because, report, run_of, shown


def test_schedules_ship_stopped(healthy: database.Connection, settings: Settings) -> None:
    found = report(healthy, settings)
    nuget, spdx = found["schedules"]["nuget"], found["schedules"]["spdx"]
    assert (nuget["cron"], spdx["cron"]) == ("0 */6 * * *", "0 6 * * 1")
    assert (nuget["enabled"], nuget["last_tick"], nuget["next_tick"]) == (False, None, None)
    assert "All schedules are stopped" in found["notes"][0]


def test_an_enabled_schedule_without_beat_is_found(healthy: database.Connection, settings: Settings) -> None:
    database.run(healthy, "schedules/switch", name="nuget", enabled=True, by="ann")
    found = report(healthy, settings)
    assert found["healthy"] is True, "it was enabled just now"
    assert found["schedules"]["nuget"]["next_tick"] > found["as_of"]
    assert found["schedules"]["nuget"]["changed_by"] == "ann"
    healthy.execute("UPDATE ops.check_results SET checked_at = now() - interval '1 h'")
    healthy.execute("UPDATE ops.schedules SET changed_at = now() - interval '1 h' WHERE enabled")
    assert "Upkeep, recorded every minute, last came through 60 min ago" in because(report(healthy, settings))
    healthy.execute("DELETE FROM ops.check_results WHERE name LIKE '%%_fresh'")
    assert "Upkeep, recorded every minute, never came through" in because(report(healthy, settings))


def test_a_tick_that_did_not_come_is_found(healthy: database.Connection, settings: Settings) -> None:
    healthy.execute("UPDATE ops.schedules SET enabled = true, changed_at = now() - interval '8 h' WHERE name = 'nuget'")
    found = report(healthy, settings)
    assert found["schedules"]["nuget"]["late_seconds"] >= 3600, "it comes every six hours"
    assert "The nuget tick is" in because(found)
    assert "pkgintel schedule run-now nuget" in because(found)
    run_of(healthy, "nuget", "done", ago=0, kind="scheduled")
    found = report(healthy, settings)
    assert found["healthy"] is True
    assert found["schedules"]["nuget"]["last_result"] == "done"


def test_no_worker_is_wrong_only_where_one_is_needed(healthy: database.Connection, settings: Settings) -> None:
    idle = {"workers": [], "queues": {"ops": 0, "pages": 0}}
    assert report(healthy, settings, idle)["healthy"] is True
    waiting = {"workers": [], "queues": {"ops": 1, "pages": 41}}
    found = report(healthy, settings, waiting)
    assert "42 tasks are waiting" in because(found)
    assert "none answers" in shown(found)
    busy = {"workers": [{"name": "celery@here", "processes": 2}], "queues": {"ops": 1, "pages": 41}}
    assert report(healthy, settings, busy)["healthy"] is True


def test_the_crew_is_asked_and_may_be_unknown(settings: Settings) -> None:
    found = crew.ask(settings, timeout=0.2).as_json()
    assert found["workers"] == []
    assert found["queues"] == {"ops": 0, "catalog": 0, "pages": 0, "replays": 0, "verdicts": 0}
    dead = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    found = crew.ask(dead, timeout=0.2).as_json()
    assert found["workers"] == found["queues"] == "unknown"
    assert "Redis does not answer" in found["crew_unknown_because"]


def test_a_redis_that_takes_no_writes_is_wrong_though_it_answers(
    healthy: database.Connection, settings: Settings, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.execute_command("ACL", "SETUSER", "onlooker", "on", ">s3cret", "~*", "&*", "+@all", "-@write")
    try:
        parts = urlsplit(redis_url)
        url = parts._replace(netloc=f"onlooker:s3cret@{parts.hostname}:{parts.port}").geturl()
        asked = crew.ask(settings.model_copy(update={"redis_url": url}), timeout=0.2)
    finally:
        with redis.Redis.from_url(redis_url) as client:
            client.execute_command("ACL", "DELUSER", "onlooker")
    assert str(asked.crew_unknown_because).startswith("Redis takes no writes: ")
    found = report(healthy, settings, asked)
    assert "Make room on its disk, or see PKGINTEL_REDIS_URL" in because(found)
    assert "s3cret" not in because(found)


def test_an_unknown_crew_matters_where_ticks_are_expected(healthy: database.Connection, settings: Settings) -> None:
    unknown = {"workers": "unknown", "queues": "unknown", "crew_unknown_because": "Redis does not answer: refused"}
    found = report(healthy, settings, unknown)
    assert found["healthy"] is True
    assert "unknown (Redis does not answer: refused)" in shown(found)
    database.run(healthy, "schedules/switch", name="nuget", enabled=True, by="ann")
    assert "Start Redis" in because(report(healthy, settings, unknown))
