"""What opens a closed gate: what status advises is done, and what the gate held back follows by itself."""

import json

import pytest

from pkgintel.pipeline.checks import GATES
from tests.support.stories import Story, advised, filled, recorded, refused_list

pytestmark = pytest.mark.processes


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
