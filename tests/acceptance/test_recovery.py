"""What an operator sees while nothing moves, and how fast it moves again: upstream or a worker away, Redis emptied."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest
import redis

from pkgintel.local.services import Services
from tests.support.databases import redis_of
from tests.support.sites import SiteFleet
from tests.support.workers import PATIENCE, kill

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def crew(services: Services, shared_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteFleet]:
    """One worker of two processes; the last test kills it."""
    with ExitStack() as stack:
        redis_url = stack.enter_context(redis_of(services))
        changes = {"request_attempts": 1, "request_timeout": PATIENCE}
        yield SiteFleet(stack, shared_database, redis_url, tmp_path_factory.mktemp("recovery"), **changes)


@pytest.fixture
def fleet(crew: SiteFleet) -> SiteFleet:
    crew.server.forget()
    crew.begin()
    return crew


def test_a_scan_that_upstream_answers_503_says_so_since_when_and_when_it_tries_again(fleet: SiteFleet) -> None:
    site = fleet.site
    site.grow(2)
    site.broken["/index.json"] = lambda: httpx.Response(503)
    fleet.send("catalog.scan")
    run = fleet.wait(lambda: fleet.rows("SELECT * FROM ops.runs WHERE retry_noted IS NOT NULL"), "another try")[0]
    # After half a minute of tries the run would have failed: the next one waits for its answer, which is a good one.
    held = site.hold("/index.json")
    site.broken.clear()
    show = ("runs", "show", str(run["id"]))
    with ThreadPoolExecutor() as pool:  # All at one moment, before the next try.
        status = pool.submit(fleet.status)
        shown, *texts = pool.map(lambda words: fleet.tell(*words).stdout, ((*show, "--json"), ("status",), show))
    now = status.result()["run"]
    assert "503" in now["retry"]["because"]
    assert now["retry"]["since"] < now["retry"]["at"]
    assert now["seconds_left"] is None
    for text in texts:
        assert "tried again since" in text, text
        assert "503" in text
        assert "next try" in text
    assert json.loads(shown)["retry"]["because"]
    held.set()
    fleet.ended("scan", "done")
    assert json.loads(fleet.tell("runs", "show", str(run["id"]), "--json").stdout)["retry"] is None


def test_an_emptied_redis_is_not_healthy_and_its_pages_are_sent_again(fleet: SiteFleet) -> None:
    site = fleet.site
    for _ in range(4):
        site.grow(1)
    held = site.hold("/page")
    fleet.send("catalog.scan")
    fleet.asked("/page1.json")
    with redis.Redis.from_url(fleet.settings.redis_url) as client:
        client.flushdb()
    assert "Redis was emptied while run" in " ".join(fleet.status()["unhealthy_because"])
    held.set()
    fleet.tended(90)
    fleet.quiet()
    assert [run["state"] for run in fleet.runs() if run["action"] == "scan"] == ["done"]


def test_the_pages_of_a_killed_worker_move_on_in_the_same_run_long_before_it_counts_as_lost(fleet: SiteFleet) -> None:
    """So they do as long as tasks are acknowledged when they are done: earlier, and nobody would have them any more."""
    site = fleet.site
    site.grow(2)
    held = site.hold("/page0")
    fleet.send("catalog.scan")
    fleet.asked("/page0.json")
    fleet.worker("two")
    kill(fleet.one)
    held.set()
    fleet.tended(90)
    first = fleet.runs()[0]
    assert (first["action"], first["state"]) == ("scan", "done")
