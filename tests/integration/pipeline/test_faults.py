"""What chaos found, each as small as it gets: messages that got lost, chords that broke, servers that were away."""

from typing import Any

import kombu
import kombu.exceptions
import psycopg
import pytest
from celery.exceptions import Retry

from pkgintel import tasks
from pkgintel.celery import app
from pkgintel.database import migrations
from pkgintel.errors import AlreadyRunning
from pkgintel.pipeline import page, pages, replay, runs, scan
from pkgintel.pipeline.states import Action, Kind, Source
from pkgintel.settings import Settings
from pkgintel.tasks import base, recovery, workflow
from tests.support.faults import Sent, Site
from tests.support.processes import working_for
from tests.support.scans import open_scan


def test_the_next_scan_of_a_chain_is_sent_again_when_its_message_was_lost(site: Site, sent: Sent) -> None:
    opened = site.open()
    site.read(opened.run_id, *opened.pages)
    assert scan.finish(site.conn, site.settings, opened.run_id).more
    assert site.recover() == [], "its callback may be sending it just now"
    site.silence(opened.run_id)
    assert site.recover() == [f"the scan goes on where run {opened.run_id} ended"]
    assert sent == [
        (
            "catalog.scan",
            {"kind": "manual", "root_id": opened.run_id, "max_pages": None, "cause_id": None, "args": []},
        )
    ]
    assert site.recover() == [], "not at every look"
    site.silence(opened.run_id)
    assert len(site.recover()) == 1, "but until it is there"
    site.open()
    assert site.recover() == []


def test_a_chain_that_may_read_no_more_pages_does_not_go_on(site: Site, sent: Sent) -> None:
    opened = site.open(max_pages=2)
    site.read(opened.run_id, *opened.pages)
    assert not scan.finish(site.conn, site.settings, opened.run_id).more
    site.silence(opened.run_id)
    assert site.recover() == []


def test_a_lost_scan_is_taken_over_though_redis_was_away_when_it_was_found(site: Site, sent: Sent) -> None:
    opened = site.open(max_pages=3)
    site.silence(opened.run_id)
    sent.broken = kombu.exceptions.OperationalError("refused")
    with pytest.raises(kombu.exceptions.OperationalError):
        site.recover()
    assert site.state(opened.run_id) == "lost"
    sent.broken = None
    assert site.recover() == [f"the scan goes on where run {opened.run_id} ended"]
    assert sent[0][1]["cause_id"] == opened.run_id
    assert sent[0][1]["max_pages"] == 3, "the limit of the lost one holds"


def test_a_lost_scan_that_somebody_else_freed_is_taken_over(site: Site, sent: Sent) -> None:
    opened = site.open()
    site.silence(opened.run_id)
    recovery.free_lost(site.conn, site.settings)  # As spdx.sync does before it begins.
    assert site.recover() == [f"the scan goes on where run {opened.run_id} ended"]


def test_a_lost_sync_is_taken_over(site: Site, sent: Sent) -> None:
    run_id = runs.open_run(site.conn, Source.SPDX, Action.SYNC, Kind.SCHEDULED)
    site.silence(run_id)
    assert site.recover() == [f"run {run_id} of spdx is lost", f"the sync goes on where run {run_id} ended"]
    assert sent == [("spdx.sync", {"kind": "scheduled", "cause_id": run_id, "args": []})]


@pytest.mark.parametrize("how", ["done", "failed", "failed at once"])
def test_a_tick_that_was_skipped_is_given_again_when_the_run_before_it_ended(site: Site, sent: Sent, how: str) -> None:
    opened = site.open(max_pages=2)
    with pytest.raises(AlreadyRunning):
        open_scan(site.conn, site.settings, Kind.SCHEDULED, "a-tick")
    if how == "failed":
        page.record_failure(site.db, opened.run_id, opened.pages[0], ValueError("broken"), final=True)
        assert scan.fail(site.conn, opened.run_id, "why", base.TRIES).state == "failed"
        site.silence(opened.run_id)
        assert site.recover() == [f"the scan goes on where run {opened.run_id} ended"]
    elif how == "failed at once":
        page.record_failure(site.db, opened.run_id, opened.pages[0], ValueError("broken"), final=True)
        tasks.fail_scan("a-page", run_id=opened.run_id)
    else:
        site.read(opened.run_id, *opened.pages)
        tasks.finish_scan(opened.run_id)
    given = [kwargs for name, kwargs in sent if name == "catalog.scan"]
    assert [(kwargs["cause_id"], kwargs["max_pages"]) for kwargs in given] == [(opened.run_id, None)]


def test_a_run_that_ended_well_or_failed_with_no_tick_behind_it_is_left_alone(site: Site, sent: Sent) -> None:
    opened = site.open()
    page.record_failure(site.db, opened.run_id, opened.pages[0], ValueError("broken"), final=True)
    assert scan.fail(site.conn, opened.run_id, "why", base.TRIES).state == "failed"
    site.silence(opened.run_id)
    assert site.recover() == []


def test_without_upkeep_the_next_tick_sends_a_lost_callback_again(
    site: Site, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis was flushed with every page done, and no beat runs."""
    opened = site.open()
    site.read(opened.run_id, *opened.pages)
    site.silence(opened.run_id)
    with working_for(site.settings):
        assert "already_running" in tasks.scan()
        assert sent == [("catalog.finish_scan", {"args": [opened.run_id]})]
        tasks.finish_scan(opened.run_id)
    assert sent.names() == ["catalog.finish_scan", "checks.run_gate", "catalog.scan"]


def test_the_callback_of_a_replay_is_sent_again_too(site: Site, sent: Sent) -> None:
    opened = site.open()
    site.read(opened.run_id, *opened.pages)
    scan.finish(site.conn, site.settings, opened.run_id)
    site.silence(opened.run_id)
    wanted = replay.ReplayRequest(page=site.catalog.url("page0"))
    run_id, urls = replay.open_run(site.conn, site.settings, site.client, wanted)
    site.read(run_id, *urls)
    site.silence(run_id)
    assert f"sent the callback of run {run_id} again" in site.recover()
    assert ("catalog.finish_replay", {"args": [run_id]}) in sent
    for _ in range(base.SENDS):
        site.silence(run_id)
        site.recover()
    assert site.state(run_id) == "lost"


def test_a_lost_callback_is_sent_again_long_before_its_run_counts_as_lost_and_not_at_every_look(
    site: Site, sent: Sent
) -> None:
    """A page that is given back after its worker died may count twice in its chord, whose callback then never comes."""
    opened = site.open()
    site.read(opened.run_id, opened.pages[0])
    site.silence(opened.run_id, 20)
    assert site.recover() == [], "a page is under way"
    site.read(opened.run_id, opened.pages[1])
    site.silence(opened.run_id, 5)
    assert site.recover() == [], "the callback may be on its way"
    site.silence(opened.run_id, 20)
    assert site.recover() == [f"sent the callback of run {opened.run_id} again"]
    site.silence(opened.run_id, 20)
    assert site.recover() == [], "it is sent again only with the time after which a run counts as lost"
    assert (site.state(opened.run_id), sent.names()) == ("running", ["catalog.finish_scan"])


def test_a_broken_chord_whose_pages_are_all_done_gets_its_callback(site: Site, sent: Sent) -> None:
    opened = site.open()
    site.read(opened.run_id, *opened.pages)
    assert "callback is sent again" in tasks.fail_scan("some-task", run_id=opened.run_id)
    assert sent == [("catalog.finish_scan", {"args": [opened.run_id]})]


def test_a_broken_chord_with_no_failed_page_is_lost_and_taken_over(site: Site, sent: Sent) -> None:
    opened = site.open()
    site.read(opened.run_id, opened.pages[0])
    assert tasks.fail_scan("some-task", run_id=opened.run_id) == f"run {opened.run_id} is lost"
    assert site.recover() == [f"the scan goes on where run {opened.run_id} ended"]


def test_a_page_that_kills_its_worker_each_time_fails_its_run(site: Site, sent: Sent) -> None:
    opened = site.open()
    for _ in range(base.TRIES + 1):
        assert pages.start(site.conn, opened.run_id, opened.pages[0]) is not None
    assert tasks.fail_scan("some-task", run_id=opened.run_id) == f"run {opened.run_id} is failed"
    site.silence(opened.run_id)
    assert site.recover() == []


@pytest.mark.parametrize("only_reads", [False, True])
@pytest.mark.parametrize("task", [tasks.scan, tasks.sync])
def test_a_tick_is_tried_again_when_postgres_is_away_or_only_reads(
    task: Any, only_reads: bool, sent: Sent, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise psycopg.OperationalError("the database system is starting up")

    if only_reads:
        monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
    else:
        monkeypatch.setattr(migrations, "require_schema", away)
    with pytest.raises(Retry):
        task.apply(throw=True)


def test_a_page_is_stored_though_redis_takes_no_progress(
    site: Site, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise kombu.exceptions.OperationalError("refused")

    opened = site.open()
    monkeypatch.setattr("celery.app.task.Task.send_event", away)
    with working_for(settings, site.client):
        stored = tasks.upsert_page(opened.run_id, opened.pages[0])
    assert stored["leaves"] == 1


def test_a_worker_outlives_a_redis_that_goes_away_while_it_holds_messages(redis_url: str) -> None:
    connection = app.amqp.Connection(redis_url)
    channel = connection.default_channel
    channel.qos._delivered["a-tag"] = object()
    connection._do_close_transport()  # As after a first attempt to close it, which failed half-way.
    for act in (lambda: channel.basic_ack("a-tag"), channel.close):
        with pytest.raises(connection.connection_errors):  # Not an AttributeError, which ends the worker.
            act()


def test_the_pages_of_a_scan_never_wait_behind_those_of_a_replay(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues = []

    class Recorded:
        def __init__(self, header: list[Any], _callback: Any) -> None:
            queues.append({part.options["queue"] for part in header})

        def apply_async(self) -> None:
            """Nothing is sent."""

    monkeypatch.setattr(workflow, "chord", Recorded)
    workflow.pages(1, ["page0", "page1"])
    workflow.replay_pages(2, ["page0", "page1"])
    assert queues == [{"pages"}, {"replays"}]


def test_a_page_that_ends_while_redis_is_away_breaks_no_chord_for_its_result_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Celery tries again to keep a result, and nothing else, until Redis is back; only then it counts the page."""
    sent: list[Any] = []
    monkeypatch.setattr("celery.canvas._chord.apply_async", lambda chord, **_: sent.append(chord))
    workflow.leaves(7, ["a", "b"])
    [pages] = sent
    assert [app.tasks[page.task].ignore_result or page.options.get("ignore_result", False) for page in pages.tasks] == [
        False,
        False,
    ]
    assert app.conf.result_backend_always_retry
