"""A catalog of many pages, read by real workers: each package has its verdict before the rest is read, whoever dies."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.catalogs import details, stamp
from tests.support.checkout import CHECKOUT
from tests.support.sites import SiteFleet
from tests.support.tables import differences
from tests.support.workers import PATIENCE, kill

pytestmark = pytest.mark.processes

PACKAGES = 40
BEGUN = "SELECT FROM ops.run_pages WHERE kind = %s AND attempts > 0 AND state = 'pending'"


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
    pages, leaves = site.hold("/page"), site.hold("/data/")
    fleet.send("catalog.scan")
    fleet.wait(lambda: fleet.rows(BEGUN, "catalog"), "pages are asked for")
    kill(fleet.one)
    pages.set()
    two = fleet.worker("two")
    tended(fleet, lambda: bool(fleet.rows(BEGUN, "speakers")), "the leaves that decide are asked for")
    assert not fleet.rows("SELECT FROM raw.nuget_packages"), "nobody speaks before a leaf is read"
    assert fleet.status()["versions"] == {"known": 480, "read": 0, "unread": 480, "exact": True}
    kill(two)
    leaves.set()
    three = fleet.worker("three")
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
    kill(three)  # A worker keeps the settings that it began with.
    fleet.settings = fleet.settings.model_copy(update={"read": "all"})
    del site.holding["/data/"]
    held = site.hold("/data/")
    four = fleet.worker("four")
    fleet.send("catalog.scan")
    fleet.wait(lambda: fleet.rows(BEGUN, "rest"), "the rest is asked for")
    kill(four)
    held.set()
    fleet.worker("five")
    tended(fleet, lambda: not fleet.rows("SELECT FROM raw.unread_versions"), "with all, the rest follows")
    tended(fleet, lambda: not fleet.rows(busy), "all is quiet again")
    assert differences(fleet.conn, site.events) == []


def grown(fleet: SiteFleet) -> str:
    """Five packages of twelve versions each on six pages, and five of one version on the last; the path of one leaf."""
    said = {"base": fleet.site.base, "licenseExpression": "OSI-1"}
    for page in range(6):
        events = (details(f"P{n % 5}", f"1.{page}.{n}", 100 * page + n + 1, **said) for n in range(10))
        fleet.site.add(f"page{page}", *events)
    newest = [details(f"New{n}", "1.0.0", 701 + n, **said) for n in range(5)]
    fleet.site.add("page6", *newest)
    fleet.site.publish()
    return str(newest[0].item["@id"]).removeprefix(fleet.site.base)


@contextmanager
def whole_beside(fleet: SiteFleet, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`pkgintel run --whole` in the background, killed at the end; what it says goes to `log`."""
    command = [sys.executable, "-m", "pkgintel", "run", "--catalog", fleet.settings.service_index_url, "--whole"]
    with log.open("wb") as said:
        whole = subprocess.Popen(command, cwd=CHECKOUT, env=fleet.environment, stdout=said, stderr=said)
        try:
            yield whole
        finally:
            kill(whole)


def killed_whole(fleet: SiteFleet, kind: str, log: Path) -> None:
    """`pkgintel run --whole`, killed while it waits for the leaves of pages of this kind."""
    held = fleet.site.hold("/data/")
    with whole_beside(fleet, log):
        fleet.wait(lambda: fleet.rows(BEGUN, kind), f"pages of kind {kind} are begun")
    held.set()


def test_a_whole_run_waits_for_the_scan_and_the_reading_that_others_are_at(fleet: SiteFleet, tmp_path: Path) -> None:
    leaf = grown(fleet)
    pages, leaves = fleet.site.hold("/page0"), fleet.site.hold(leaf)
    fleet.send("catalog.scan")
    fleet.wait(lambda: fleet.rows(BEGUN, "catalog"), "pages are asked for")
    log = tmp_path / "whole.log"
    with whole_beside(fleet, log) as whole:
        ended = "SELECT FROM ops.runs WHERE action = 'scan' AND state = %s"
        fleet.wait(lambda: fleet.rows(ended, "skipped"), "its scan finds the other one")
        pages.set()
        fleet.wait(lambda: fleet.rows(BEGUN, "speakers"), "the leaves are asked for")
        fleet.wait(
            lambda: fleet.rows(ended, "caught_up") or whole.poll() is not None, "its next scan finds nothing new"
        )
        leaves.set()
        assert whole.wait(PATIENCE) == 0, log.read_text()
        assert (len(fleet.verdicts()), "Another scan" in log.read_text()) == (10, False), log.read_text()
    assert differences(fleet.conn, fleet.site.events) == []


def test_a_whole_catalog_is_read_by_a_run_that_was_killed_which_says_what_it_left_unread(
    fleet: SiteFleet, tmp_path: Path
) -> None:
    kill(fleet.one)
    grown(fleet)
    killed_whole(fleet, "speakers", tmp_path / "whole.log")
    told = fleet.tell("run", "--catalog", fleet.settings.service_index_url, "--whole")
    assert told.returncode == 0, told.stderr
    assert len(fleet.verdicts()) == 10
    assert len(fleet.rows("SELECT FROM raw.unread_versions")) == 55
    assert "55 versions (`why ID --version V` reads one)" in " ".join(told.stdout.split())
    assert differences(fleet.conn, fleet.site.events) == []
    fleet.settings = fleet.settings.model_copy(update={"lost_after": 120})  # As in production: nobody waits for it.
    fleet.conn.execute(
        """TRUNCATE enriched.nuget_package_oss_status, enriched.declaration_verdicts;
           DELETE FROM ops.runs WHERE action = 'classify';
           UPDATE ops.runs SET state = 'running', finished_at = NULL, settled_at = NULL, heartbeat_at = now()
           WHERE id = (SELECT max(id) FROM ops.runs WHERE action = 'read')"""
    )  # As a power cut leaves it when all leaves are read.
    again = fleet.tell("run", "--catalog", fleet.settings.service_index_url, "--whole")
    assert (again.returncode, len(fleet.verdicts())) == (0, 10), again.stdout + again.stderr
    ends = fleet.rows("SELECT state, settled_at IS NOT NULL AS through FROM ops.runs WHERE action = 'read' ORDER BY id")
    assert ends[-1] == {"state": "done", "through": True}, "what was lost is taken over, to its end"


def test_a_database_that_began_later_reads_what_lies_before_it_with_whole(fleet: SiteFleet, tmp_path: Path) -> None:
    kill(fleet.one)
    grown(fleet)
    catalog = "--catalog", fleet.settings.service_index_url
    assert fleet.tell("run", *catalog, "--since", stamp(650)).returncode == 0
    assert len(fleet.verdicts()) == 5, "only what came later"
    killed_whole(fleet, "catalog", tmp_path / "whole.log")
    told = fleet.tell("run", *catalog, "--whole", "--json")
    assert (told.returncode, json.loads(told.stdout)["versions_unread"]) == (0, 0), told.stderr
    assert len(fleet.verdicts()) == 10
    assert differences(fleet.conn, fleet.site.events) == []
    resets = fleet.rows("SELECT why FROM ops.watermark_resets")
    assert [row["why"] for row in resets] == ["run --whole reads the catalog from its beginning"]
