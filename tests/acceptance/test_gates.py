"""The blocking checks through real workers: a closed gate keeps the classifier still until it heals.

In each test one upstream goes wrong while the other one finishes fine. What became of it is told by the tables, by the
tasks as Flower sees them and by `pkgintel status`, and all have to tell the same.
"""

import pytest

from pkgintel import database
from pkgintel.pipeline.checks import GATES
from tests.support.sites import LISTS
from tests.support.stories import Story, filled, recorded

pytestmark = pytest.mark.processes


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
    filled(story)
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
