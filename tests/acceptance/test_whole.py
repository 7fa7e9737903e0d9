"""A catalog of many pages, read by real workers: each package has its verdict before the rest is read, whoever dies."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.catalogs import details
from tests.support.sites import SiteFleet
from tests.support.tables import differences
from tests.support.workers import kill

pytestmark = pytest.mark.processes

PACKAGES = 40


@pytest.fixture
def fleet(database: str, redis_url: str, tmp_path: Path) -> Iterator[SiteFleet]:
    with ExitStack() as stack:
        made = SiteFleet(stack, database, redis_url, tmp_path, read="speaking", lost_after=3)
        made.begin()
        yield made


def tended(fleet: SiteFleet, done: Callable[[], bool], what: str) -> None:
    """Wait until it is `done`, with upkeep every second, as a beat would send it."""
    sent = 0.0

    def look() -> bool:
        nonlocal sent
        if time.monotonic() - sent > 1:
            sent = time.monotonic()
            fleet.send("ops.upkeep")
        return done()

    fleet.wait(look, what)


def test_every_package_is_judged_first_and_the_rest_is_read_when_it_is_wanted(fleet: SiteFleet) -> None:
    site = fleet.site
    for page in range(12):
        said = {"base": site.base, "licenseExpression": "OSI-1", "listed": page < 10 or None}
        said |= {} if said["listed"] else {"published": "1900-01-01T00:00:00Z"}
        site.add(f"page{page}", *(details(f"P{n}", f"1.{page}.0", 1000 * page + n, **said) for n in range(PACKAGES)))
    site.publish()
    fleet.send("spdx.sync")
    fleet.ended("sync", "done")
    fleet.quiet()
    held = site.hold("/data/")
    fleet.send("catalog.scan")
    begun = "SELECT FROM ops.run_pages WHERE kind = 'speakers' AND attempts > 0"
    fleet.wait(lambda: fleet.rows(begun), "the leaves that decide are asked for")
    assert not fleet.rows("SELECT FROM raw.nuget_packages"), "nobody speaks before a leaf is read"
    assert fleet.status()["versions"] == {"known": 480, "read": 0, "unread": 480, "exact": True}
    kill(fleet.one)
    held.set()
    two = fleet.worker("two")
    tended(fleet, lambda: len(fleet.verdicts()) == PACKAGES, "every package has its verdict")
    busy = "SELECT FROM ops.runs WHERE state = 'running' OR settled_at IS NULL"
    tended(fleet, lambda: not fleet.rows(busy), "all is quiet")
    assert not fleet.rows("SELECT FROM raw.unread_packages")
    assert differences(fleet.conn, site.events) == []
    rounds = fleet.rows("SELECT detail ->> 'round' AS n FROM ops.runs WHERE action = 'read' AND state = 'done'")
    assert max(int(row["n"]) for row in rounds) >= 2, "the two highest versions are unlisted"
    read = len(fleet.rows("SELECT FROM raw.read_versions"))
    assert PACKAGES * 3 <= read <= PACKAGES * 4, "the highest two, the next, and at most one more"
    told = fleet.tell("why", "p7", "--version", "1.1.0", "--json")
    assert (told.returncode, '"verdict": "open_source"' in told.stdout) == (0, True), told.stderr
    kill(two)  # A worker keeps the settings that it began with.
    fleet.settings = fleet.settings.model_copy(update={"read": "all"})
    fleet.tell("run", "--catalog", fleet.settings.service_index_url)
    assert not fleet.rows("SELECT FROM raw.unread_versions"), "with all, the rest follows"
    assert differences(fleet.conn, site.events) == []
