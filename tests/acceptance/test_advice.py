"""What status says of runs, ticks, locks and the crew is followed as it stands there, and is said no more then.

What opens a closed gate is followed in test_cures and test_text_gates, a wrong watermark in test_wrong_pages.
"""

import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest

from pkgintel import database
from pkgintel.reports import status
from tests.support.checkout import CHECKOUT
from tests.support.reports import run_of
from tests.support.stories import Story, filled
from tests.support.workers import kill

pytestmark = pytest.mark.processes


@pytest.fixture
def well(story: Story) -> Iterator[Story]:
    """Three packages that are judged, and upkeep was here; the schedules are stopped."""
    filled(story)
    story.send("ops.upkeep")
    story.wait(lambda: story.rows("SELECT FROM ops.check_results WHERE name LIKE '%%_fresh'"), "upkeep was here")
    yield story
    story.conn.execute("UPDATE ops.schedules SET enabled = false, changed_at = now(), last_tick = NULL")


def said(story: Story) -> list[str]:
    """What is wrong, and what is worth knowing."""
    found = status.report(story.conn, story.settings)
    return [*found.unhealthy_because, *found.notes]


def follow(story: Story, trouble: str, command: str) -> None:
    """Do what the sentence about `trouble` advises, the command that begins so, until nobody says that sentence."""
    sentence = next((one for one in said(story) if trouble in one), None)
    assert sentence, f"{trouble} is not said: {said(story)}"
    advised = next((one for one in re.findall(r"`pkgintel ([^`]+)`", sentence) if one.startswith(command)), None)
    assert advised, f"{command} is not advised: {sentence}"
    told = story.tell(*shlex.split(advised))
    assert told.returncode == 0, f"{advised}: {told.stdout}{told.stderr}"
    story.wait(lambda: not any(trouble in one for one in said(story)), f"nobody says any more: {sentence}")


def test_runs_that_went_wrong_go_on_as_advised(well: Story) -> None:
    for source in ("nuget", "spdx", "verdicts", "texts"):
        run_id = run_of(well.conn, source, "failed", ago=0, error="a test says so")
        follow(well, f"Run {run_id} ({source} ", f"runs resume {run_id}")
        well.quiet()


def test_one_run_by_hand_cures_all_that_it_is_advised_for(well: Story) -> None:
    well.conn.execute("UPDATE ops.runs SET finished_at = finished_at - interval '30 days'")
    for source in ("nuget", "spdx", "verdicts"):
        run_of(well.conn, source, "failed", ago=0, error="a test says so")
    run_of(well.conn, "texts", "failed", ago=0, error="a test says so")
    before = [one for one in said(well) if "`pkgintel run`" in one]
    assert len(before) == 6, before
    assert not [one for one in before if "texts" in one], "it reads those of the sample alone"
    told = well.tell("run")
    assert told.returncode == 0, told.stderr
    well.quiet()
    assert [one for one in said(well) if "`pkgintel run`" in one] == []


def test_ticks_that_are_stopped_or_late_come_as_advised(well: Story) -> None:
    well.conn.execute("UPDATE ops.runs SET finished_at = finished_at - interval '11 days' WHERE source = 'spdx'")
    run_of(well.conn, "texts", ago=11 * 86_400)
    follow(well, "raw_license_texts is stale", "schedule run-now texts")
    follow(well, "All schedules are stopped", "schedule enable nuget")
    follow(well, "Its schedule is stopped", "schedule enable spdx")
    follow(well, "raw_spdx_licenses is stale", "schedule run-now spdx")
    well.conn.execute("UPDATE ops.schedules SET changed_at = now() - interval '8 h' WHERE name = 'nuget'")
    follow(well, "The nuget tick is", "schedule run-now nuget")


def test_a_session_that_holds_up_others_is_ended_as_advised(well: Story) -> None:
    lock = "UPDATE ops.schedules SET changed_by = changed_by WHERE name = 'nuget'"
    url = well.settings.database_url
    with database.connect(url) as waiter, suppress(psycopg.OperationalError), database.connect(url) as holder:
        holder.execute("BEGIN")
        holder.execute(lock)
        waits = threading.Thread(target=waiter.execute, args=(lock,))
        waits.start()
        sentence = well.wait(lambda: [one for one in said(well) if "has waited for a lock" in one], "it waits")[0]
        found = re.search(r"lock of session (\d+) \(.*`pg_terminate_backend`", sentence)
        assert found, sentence
        well.rows("SELECT pg_terminate_backend(%s)", int(found[1]))
        waits.join(20)
        assert not any("has waited for a lock" in one for one in said(well))


def test_the_crew_is_started_as_advised(well: Story) -> None:
    well.conn.execute("UPDATE ops.schedules SET enabled = true, changed_at = now() - interval '10 min'")

    def silent() -> list[str]:
        """What is said of upkeep when none was for long: one that an earlier test sent may still come."""
        well.conn.execute("DELETE FROM ops.check_results WHERE name LIKE '%%_fresh'")
        return [one for one in said(well) if one.startswith("Upkeep")]

    sentence = well.wait(silent, "nobody does upkeep")[0]
    advised = re.search(r"`celery (-A pkgintel beat)`", sentence)
    assert advised, sentence
    beat = subprocess.Popen(
        [sys.executable, "-m", "celery", *advised[1].split()],
        cwd=CHECKOUT,
        env=well.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        well.wait(lambda: not any(one.startswith("Upkeep") for one in said(well)), "upkeep comes")
    finally:
        kill(beat)
    away = {**well.environment, "PKGINTEL_REDIS_URL": "redis://127.0.0.1:1/0"}
    told = subprocess.run(
        [sys.executable, "-m", "pkgintel", "status"], cwd=CHECKOUT, env=away, capture_output=True, text=True, timeout=60
    )
    assert "Start Redis, or see PKGINTEL_REDIS_URL" in told.stdout
    assert "Start Redis" not in well.tell("status").stdout
