"""The blocking checks through real workers: a closed gate keeps the classifier still until it heals.

In each test one upstream goes wrong while the other one finishes fine. What became of it is told by the tables, by the
tasks as Flower sees them and by `pkgintel status`, and all have to tell the same.
"""

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pkgintel import database
from pkgintel.local.services import Services
from pkgintel.pipeline.checks import GATES
from tests.support.databases import redis_of
from tests.support.sites import LISTS, SiteFleet

pytestmark = pytest.mark.processes


class Story(SiteFleet):
    """What has to be true of a closed gate, and of one that opened again."""

    def closed(self, check: str, run: database.Row, task: str, value: float, threshold: float, *words: str) -> None:
        """The check failed with these numbers, in every place where somebody looks, and nothing was judged by it."""
        blocked = [one for one in self.runs() if one["action"] == "classify" and one["state"] == "blocked"]
        result = self.rows("SELECT * FROM ops.check_results WHERE name = %s ORDER BY id DESC", check)[0]
        assert (result["passed"], result["blocking"], result["run_id"]) == (False, True, run["id"])
        assert result["value"] == pytest.approx(value)
        assert result["threshold"] == pytest.approx(threshold)
        assert run["state"] == "blocked"
        assert result["message"] in run["error"]
        assert all(word in result["message"] for word in words)
        self.failed(task, check, *words)
        assert blocked, "the classifier that the other upstream asked for was not stopped"
        assert all(result["message"] in one["error"] for one in blocked)
        self.failed("verdicts.classify", check, *words)
        status = self.status()
        told = next(one for one in status["checks"] if one["name"] == check)
        assert (told["passed"], told["blocking"]) == (False, True)
        assert (told["value"], told["threshold"]) == (result["value"], result["threshold"])
        assert any(result["message"] in sentence for sentence in status["unhealthy_because"])
        assets = status["assets"]
        assert assets[GATES[2]]["blocked"]
        assert assets[result["gate"]]["blocked"]
        other = GATES[0] if result["gate"] == GATES[1] else GATES[1]
        assert not assets[other]["blocked"]
        assert result["message"] in "".join(assets[GATES[2]]["blocked_because"])

    def healed(self, check: str, cause: database.Row, packages: int) -> None:
        """Some upstream completed, and the classifier came by itself: every package has its verdict, all is well."""
        self.quiet()
        assert {row["verdict"] for row in self.verdicts()} == {"open_source"}
        assert len(self.verdicts()) == packages
        last = next(one for one in reversed(self.runs()) if one["action"] == "classify" and one["state"] == "done")
        assert last["cause_id"] == cause["id"]
        status = self.status()
        assert next(one for one in status["checks"] if one["name"] == check)["passed"]
        assert not any(asset["blocked"] for asset in status["assets"].values())
        assert status["healthy"], status["unhealthy_because"]


@pytest.fixture(scope="module")
def crew(services: Services, shared_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """One worker of two processes for all tests here."""
    with ExitStack() as stack:
        redis_url = stack.enter_context(redis_of(services))
        yield Story(stack, shared_database, redis_url, tmp_path_factory.mktemp("gates"))


@pytest.fixture
def story(crew: Story) -> Iterator[Story]:
    crew.begin()
    yield crew
    for held in crew.site.holding.values():
        held.set()
    crew.quiet()
    crew.server.forget()


# --- blocking checks -------------------------------------------------------------------------------------------------


def blocked_scan(story: Story) -> database.Row:
    """A scan whose gate closes while the license list is held up, and then synced fine; nothing is classified."""
    lists = story.site.hold("/spdx")
    story.send("catalog.scan")
    story.send("spdx.sync")
    run = story.ended("scan", "blocked")
    lists.set()
    story.ended("sync", "done")
    story.ended("classify", "blocked")
    story.quiet()
    assert story.verdicts() == []
    return run


def test_no_package_at_all_closes_the_gate_of_the_catalog_while_the_list_is_synced_fine(story: Story) -> None:
    site, check = story.site, "raw_nuget_packages_nonempty"
    leaves = site.grow(3)
    for leaf in leaves:
        site.break_leaf(leaf)
    run = blocked_scan(story)
    story.closed(check, run, "checks.run_gate", 0, 1, "packages stored: 0", "at least 1")

    site.broken.clear()
    story.send("catalog.replay", rejected=True)
    story.healed(check, story.ended("replay", "done"), packages=3)


def test_too_many_rejects_close_the_gate_of_the_catalog_while_the_list_is_synced_fine(story: Story) -> None:
    site, check = story.site, "raw_nuget_packages_reject_limit"
    leaves = site.grow(40)
    for leaf in leaves[:12]:
        site.break_leaf(leaf, 200, b'{"@type": "PackageDetails"}')
    run = blocked_scan(story)
    assert story.rows("SELECT * FROM ops.watermarks") == [], "the watermark stays"
    story.closed(check, run, "catalog.finish_scan", 12 / 40, 0.01, "12 of 40 leaves were rejected", "1.00%")

    site.broken.clear()
    story.send("catalog.scan", kind="scheduled")
    story.healed(check, story.ended("scan", "done"), packages=40)


def test_a_list_below_its_floor_is_not_stored_and_stops_what_the_catalog_asks_for(story: Story) -> None:
    site, check = story.site, "raw_spdx_licenses_osi_floor"
    site.grow(3)
    story.send("spdx.sync")
    story.ended("sync", "done")
    story.send("catalog.scan")
    story.ended("scan", "done")
    story.quiet()
    before = story.verdicts()
    assert len(before) == 3

    site.new_list(50)
    site.grow(2)
    pages = site.hold("/page1")
    story.send("catalog.scan")
    story.send("spdx.sync")
    run = story.ended("sync", "blocked")
    pages.set()
    story.ended("classify", "blocked")
    story.quiet()
    assert [one["state"] for one in story.runs() if one["action"] == "scan"] == ["done", "done"]
    assert story.verdicts() == before
    assert story.rows("SELECT count(*) AS n FROM raw.spdx_licenses") == [{"n": 110}], "the list that was good stays"
    story.closed(check, run, "spdx.sync", 50, 100, "50 OSI-approved", "at least 100")

    site.new_list(120)
    story.send("spdx.sync")
    story.healed(check, story.ended("sync", "done", after=run["id"]), packages=5)


def test_a_stored_list_that_was_damaged_closes_its_gate_while_the_catalog_is_read_fine(story: Story) -> None:
    site, check = story.site, "raw_spdx_licenses_osi_floor"
    story.send("spdx.sync")
    story.ended("sync", "done")
    story.quiet()
    site.grow(3)
    story.conn.execute("UPDATE raw.spdx_licenses SET is_osi_approved = false WHERE license_id <> 'OSI-7'")
    pages = site.hold("/page0")
    story.send("catalog.scan")
    story.asked("/page0.json")
    story.send("spdx.sync")  # Its version is the stored one, so nothing is rewritten.
    run = story.ended("sync", "blocked")
    pages.set()
    story.ended("scan", "done")
    story.ended("classify", "blocked")
    story.quiet()
    assert story.verdicts() == []
    story.closed(check, run, "checks.run_gate", 1, 100, "1 OSI-approved", "at least 100")

    site.new_list(110)
    story.send("spdx.sync")
    story.healed(check, story.ended("sync", "done", after=run["id"]), packages=3)


def advised(story: Story, *begins: str) -> None:
    """Do what `pkgintel status` says of the thing that is wrong: the commands that begin so, in this order."""
    said = " ".join(story.status()["unhealthy_because"])
    commands = re.findall(r"`pkgintel ([^`]+)`", said)
    for begin in begins:
        command = next((one for one in commands if one.startswith(begin)), None)
        assert command, f"{begin} is not advised: {said}"
        told = story.tell(*shlex.split(command))
        assert told.returncode == 0, f"{command}: {told.stdout}{told.stderr}"


def filled(story: Story) -> database.Row:
    """Three packages that are judged; the scan that read them."""
    story.site.grow(3)
    story.send("spdx.sync")
    story.ended("sync", "done")
    story.send("catalog.scan")
    run = story.ended("scan", "done")
    story.quiet()
    assert story.status()["healthy"]
    return run


def test_an_emptied_table_is_not_healthy_after_the_next_tick_and_what_status_says_cures_it(story: Story) -> None:
    last = filled(story)
    story.conn.execute("TRUNCATE raw.nuget_packages CASCADE")
    story.conn.execute("DELETE FROM enriched.nuget_package_oss_status")
    story.send("catalog.scan", kind="scheduled")
    story.ended("scan", "blocked", after=last["id"])
    story.failed("catalog.scan", "raw_nuget_packages_nonempty", "packages stored: 0")
    assert not story.status()["healthy"]

    story.quiet()
    would = json.loads(story.tell("reprocess", "--all", "--from-raw", "--dry-run", "--json").stdout)
    assert would["packages_to_restore"] == 3
    assert sum(change["packages"] for change in would["would_change"]) == 3
    advised(story, "reprocess --all --from-raw")
    assert len(story.verdicts()) == 3
    status = story.status()
    assert status["healthy"], status["unhealthy_because"]


def test_tables_that_were_all_emptied_are_not_healthy_by_the_next_upkeep_and_are_read_again(story: Story) -> None:
    filled(story)
    story.conn.execute(
        "TRUNCATE raw.nuget_packages, raw.read_versions, raw.license_declarations, raw.spdx_licenses CASCADE"
    )
    story.send("ops.upkeep")
    story.wait(lambda: not story.status()["healthy"], "upkeep measures the gates")
    advised(story, "watermark reset", "run")
    status = story.status()
    assert status["healthy"], status["unhealthy_because"]
    assert status["assets"][GATES[0]]["rows"] == 3


def test_a_damaged_list_is_stored_again_by_what_status_says_though_its_version_is_the_same(story: Story) -> None:
    filled(story)
    story.conn.execute("UPDATE raw.spdx_licenses SET is_osi_approved = false")
    assert story.tell("check").returncode == 1
    last = story.runs()[-1]["id"]
    advised(story, "schedule run-now spdx")
    story.ended("sync", "done", after=last)
    story.quiet()
    status = story.status()
    assert status["healthy"], status["unhealthy_because"]


def refused_list(story: Story) -> database.Row:
    """A list below the floor was refused while a good one is stored; two new packages wait for their verdict."""
    site = story.site
    story.send("spdx.sync")
    story.ended("sync", "done")
    site.new_list(50)
    story.send("spdx.sync")
    story.ended("sync", "blocked")
    site.grow(2)
    story.send("catalog.scan")
    return story.ended("scan", "done")


def test_the_tick_that_finds_a_closed_gate_open_sends_what_it_held_back(story: Story) -> None:
    run = refused_list(story)  # The scan looks at the gates as it begins.
    story.quiet()
    assert len(story.verdicts()) == 2
    assert recorded(story, "raw_spdx_licenses_osi_floor")["value"] == 110
    assert story.runs()[-1]["cause_id"] == run["id"]


@pytest.mark.parametrize("how", ["upkeep", "check"])
def test_a_gate_that_opens_sends_the_classification_that_it_held_back(story: Story, how: str) -> None:
    story.send("spdx.sync")
    story.ended("sync", "done")
    story.quiet()
    story.conn.execute("UPDATE raw.spdx_licenses SET is_osi_approved = false WHERE license_id <> 'OSI-1'")
    assert story.tell("check").returncode == 1
    story.site.grow(2)
    story.send("catalog.scan")
    run = story.ended("scan", "done")
    blocked = story.ended("classify", "blocked")
    story.quiet()
    assert story.tell("check").returncode == 1, "it is closed, and nothing is sent"
    assert story.runs()[-1]["id"] == blocked["id"]

    story.conn.execute("UPDATE raw.spdx_licenses SET is_osi_approved = true WHERE license_id LIKE 'OSI-%'")
    if how == "upkeep":
        story.send("ops.upkeep")
        story.ended("classify", "done")
    else:
        told = story.tell("check")
        assert told.returncode == 0, told.stdout
        assert f"sent the classification that a gate held back behind run {run['id']}" in told.stderr
    story.healed("raw_spdx_licenses_osi_floor", run, packages=2)
    assert "held back" not in story.tell("check").stderr, "it is through"


@pytest.mark.parametrize("wrong", ["catalog", "list", "both"])
def test_of_two_upstreams_that_end_at_one_moment_the_wrong_one_is_enough_to_stop_both(story: Story, wrong: str) -> None:
    site = story.site
    for leaf in site.grow(3):
        if wrong != "list":
            site.break_leaf(leaf)
    if wrong != "catalog":
        site.new_list(99)
    moment = site.hold("/page0")
    site.holding["/spdx/licenses"] = moment
    story.send("catalog.scan")
    story.send("spdx.sync")
    story.asked("/page0.json")
    story.asked(LISTS[0])
    moment.set()
    story.wait(lambda: not story.rows("SELECT FROM ops.runs WHERE state = 'running'"), "both have ended")
    story.quiet()
    assert story.verdicts() == []
    ended = {one["action"]: one["state"] for one in story.runs() if one["action"] != "classify"}
    assert ended == {
        "scan": "done" if wrong == "list" else "blocked",
        "sync": "done" if wrong == "catalog" else "blocked",
    }
    assert not [one for one in story.runs() if one["action"] == "classify" and one["state"] == "done"]


def test_two_upstreams_that_end_at_one_moment_need_one_classification(story: Story) -> None:
    """Both ask for one, at the same time: one decides all, the other finds nothing."""
    site = story.site
    for round_ in range(1, 4):
        # The verdict on every package there is changes with the list, and new packages come.
        site.new_list(110, without="OSI-1" if round_ % 2 else "")
        site.grow(5)
        with database.connect(story.settings.database_url) as first, first.transaction():
            # As if a classification were under way, so that both of them are there when it ends.
            database.the(first, "verdicts/lock")
            story.send("catalog.scan")
            story.send("spdx.sync")
            # Of this database alone: pg_locks also has those who wait in other tests' databases.
            waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            story.wait(lambda: len(story.rows(waiting)) == 2, "both classifications wait")  # noqa: B023
        story.quiet()
        last = [one for one in story.runs() if one["action"] == "classify"][-2:]
        assert sorted(one["state"] for one in last) == ["caught_up", "done"]
        assert sum(one["detail"]["decided"] for one in last) == 5 * round_
        assert {row["verdict"] for row in story.verdicts()} == {"unknown" if round_ % 2 else "open_source"}
    changes = "SELECT count(*) AS n FROM enriched.verdict_changes"
    assert story.rows(changes) == [{"n": 5 + 10}], "each package that was there, once in each later round"


# --- warnings --------------------------------------------------------------------------------------------------------


def recorded(story: Story, check: str) -> database.Row:
    return story.rows("SELECT * FROM ops.check_results WHERE name = %s ORDER BY id DESC LIMIT 1", check)[0]


def test_a_rejected_leaf_is_a_warning_that_stops_nothing(story: Story) -> None:
    leaves = story.site.grow(3)
    story.site.break_leaf(leaves[0])
    story.send("spdx.sync")
    story.ended("sync", "done")
    story.send("catalog.scan")
    run = story.ended("scan", "done")
    story.quiet()
    result = recorded(story, "raw_nuget_packages_rejected")
    assert (result["passed"], result["blocking"], result["value"], result["threshold"]) == (False, False, 1, 0)
    assert result["run_id"] == run["id"]
    assert len(story.verdicts()) == 2
    status = story.status()
    assert status["healthy"]
    assert status["rejected_leaves"] == 1
    assert f"{result['message']}." in status["notes"]


def test_stale_data_and_a_package_without_verdict_are_warnings_that_stop_nothing(story: Story) -> None:
    story.site.grow(3)
    story.send("spdx.sync")
    story.ended("sync", "done")
    story.send("catalog.scan")
    story.ended("scan", "done")
    story.quiet()
    story.conn.execute("UPDATE ops.runs SET finished_at = finished_at - interval '30 days'")
    # As if the package had been stored after the classifier looked.
    story.conn.execute("DELETE FROM enriched.nuget_package_oss_status WHERE package_key = 'package1'")
    story.conn.execute(
        "UPDATE raw.nuget_packages SET changed_xid = pg_current_xact_id() WHERE package_key = 'package1'"
    )
    warnings = [f"{gate}_fresh" for gate in GATES] + [f"{GATES[2]}_complete"]
    told = "SELECT max(id) AS id FROM ops.check_results"
    last = story.rows(told)[0]["id"]
    for gate in GATES:
        story.send("checks.run_gate", gate)
    found = "SELECT DISTINCT name FROM ops.check_results WHERE id > %s AND NOT passed AND NOT blocking"
    story.wait(lambda: len(story.rows(found, last)) == len(warnings), "four warnings")
    assert {row["name"] for row in story.rows(found, last)} == set(warnings)
    assert recorded(story, warnings[-1])["value"] == 1
    assert recorded(story, warnings[0])["value"] == pytest.approx(30 * 86400, abs=120)
    assert all(run["state"] in ("done", "caught_up") for run in story.runs())

    # What comes next is judged all the same.
    story.site.grow(1)
    scans = max(run["id"] for run in story.runs())
    story.send("catalog.scan")
    story.ended("scan", "done", after=scans)
    story.quiet()
    assert len(story.verdicts()) == 4
