"""What an operator sees while nothing moves, and how fast it moves again: upstream or a worker away, Redis emptied."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import redis

from tests.support.sites import SiteFleet
from tests.support.workers import kill

pytestmark = pytest.mark.processes


@pytest.fixture
def fleet(database: str, redis_url: str, tmp_path: Path) -> Iterator[SiteFleet]:
    with ExitStack() as stack:
        made = SiteFleet(stack, database, redis_url, tmp_path, request_attempts=1)
        made.begin()
        yield made


def tended(fleet: SiteFleet, seconds: float) -> None:
    """Wait until all runs have ended, with upkeep as often as beat sends it; within so many seconds."""
    end, sent = time.monotonic() + seconds, 0.0

    def through() -> bool:
        nonlocal sent
        assert time.monotonic() < end, f"not within {seconds} s: {fleet.runs()}"
        if time.monotonic() - sent > 4:
            fleet.send("ops.upkeep")
            sent = time.monotonic()
        return not fleet.rows("SELECT FROM ops.runs WHERE state = 'running'")

    fleet.wait(through, "the runs end")


def test_a_scan_that_upstream_answers_503_says_so_since_when_and_when_it_tries_again(fleet: SiteFleet) -> None:
    site = fleet.site
    site.grow(2)
    site.broken["/index.json"] = lambda: httpx.Response(503)
    fleet.send("catalog.scan")
    run = fleet.wait(lambda: fleet.rows("SELECT * FROM ops.runs WHERE retry_noted IS NOT NULL"), "another try")[0]
    now = fleet.status()["run"]
    assert "503" in now["retry"]["because"]
    assert now["retry"]["since"] < now["retry"]["at"]
    assert now["seconds_left"] is None
    for words in (["status"], ["runs", "show", str(run["id"])]):
        text = fleet.tell(*words).stdout
        assert "tried again since" in text, text
        assert "503" in text
        assert "next try" in text
    assert json.loads(fleet.tell("runs", "show", str(run["id"]), "--json").stdout)["retry"]["because"]
    site.broken.clear()
    fleet.ended("scan", "done")
    assert json.loads(fleet.tell("runs", "show", str(run["id"]), "--json").stdout)["retry"] is None


def test_the_pages_of_a_killed_worker_move_on_within_half_a_minute_in_the_same_run(fleet: SiteFleet) -> None:
    """So they do as long as tasks are acknowledged when they are done: earlier, and nobody would have them any more."""
    site = fleet.site
    site.grow(2)
    held = site.hold("/page0")
    fleet.send("catalog.scan")
    fleet.asked("/page0.json")
    fleet.worker("two")
    kill(fleet.one)
    held.set()
    tended(fleet, 30)
    first = fleet.runs()[0]
    assert (first["action"], first["state"]) == ("scan", "done")


def test_an_emptied_redis_is_not_healthy_and_its_pages_are_sent_again(fleet: SiteFleet, redis_url: str) -> None:
    site = fleet.site
    for _ in range(4):
        site.grow(1)
    held = site.hold("/page")
    fleet.send("catalog.scan")
    fleet.asked("/page1.json")
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    assert "Redis was emptied while run" in " ".join(fleet.status()["unhealthy_because"])
    held.set()
    tended(fleet, 30)
    fleet.quiet()
    assert [run["state"] for run in fleet.runs() if run["action"] == "scan"] == ["done"]
