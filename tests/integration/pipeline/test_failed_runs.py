"""Scans that fail or get lost: the watermark stays, and the next one reads only what is left."""

import httpx
import pytest

from pkgintel.errors import (
    GateFailed,
    RunFailed,
    UpstreamChanged,
    UpstreamUnavailable,
)
from pkgintel.pipeline import page, runs, scan
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.tasks import base, recovery
from tests.support.catalogs import ZERO, details
from tests.support.oracle import Event
from tests.support.scans import Bench, open_scan


def half_read(bench: Bench, *events: Event) -> scan.ScanPlan:
    """A scan that has read page 0 with `events`, and cannot have page 1."""
    bench.catalog.add("page0", *events)
    bench.catalog.add("page1", details("Last", "1.0.0", 9))
    bench.catalog.publish()
    bench.catalog.broken["/page1.json"] = lambda: httpx.Response(503)
    opened = bench.open()
    assert opened is not None
    bench.read(opened.run_id, opened.pages[0])
    return opened


def fail_behind(bench: Bench, *events: Event) -> None:
    """A scan that reads page 0 with `events`, and fails for a page 1 that is not to be had."""
    opened = half_read(bench, *events)
    page.record_failure(bench.db, opened.run_id, opened.pages[1], RuntimeError("gone"), final=True)
    with pytest.raises(RunFailed):
        bench.finish(opened.run_id)
    bench.catalog.broken.clear()


def test_a_page_that_keeps_failing_fails_its_run_and_the_watermark_stays(bench: Bench) -> None:
    opened = half_read(bench, details("A", "1.0.0", 0))
    with pytest.raises(UpstreamUnavailable) as error:
        bench.read(opened.run_id, opened.pages[1])
    page.record_failure(bench.db, opened.run_id, opened.pages[1], error.value, final=True)
    with pytest.raises(RunFailed, match=r"1 of 2 pages failed, first .*page1\.json"):
        bench.finish(opened.run_id)
    run = bench.run(opened.run_id)
    assert (run["state"], run["pages_done"], run["pages_failed"]) == ("failed", 1, 1)
    assert bench.watermark() is None
    bench.catalog.broken.clear()
    bench.chain()
    assert bench.differences() == []
    assert bench.catalog.asked[bench.catalog.path(details("A", "1.0.0", 0).url)] == 1, "what is stored is not fetched"


def test_pages_that_a_failed_run_had_finished_are_not_fetched_again_by_the_next(bench: Bench) -> None:
    fail_behind(bench, details("A", "1.0.0", 0))
    done = bench.scan()
    assert done is not None
    assert (done.state, done.leaves) == ("done", 1)
    assert bench.catalog.asked["/page0.json"] == 1
    run = bench.run(done.run_id)
    assert (run["pages_total"], run["pages_done"], run["leaves"]) == (2, 2, 1)
    assert bench.watermark() == ZERO + 9
    assert bench.differences() == []


def test_a_finished_page_that_has_grown_since_is_fetched_again(bench: Bench) -> None:
    fail_behind(bench, details("A", "1.0.0", 0))
    bench.catalog.add("page0", details("A", "2.0.0", 8))
    bench.catalog.publish()
    bench.chain()
    assert bench.catalog.asked["/page0.json"] == 2
    assert bench.differences() == []


def test_a_finished_page_with_rejected_leaves_is_fetched_again_and_counts_in_the_gate(bench: Bench) -> None:
    events = [details(f"A{number}", "1.0.0", 0) for number in range(12)]
    for event in events:
        bench.catalog.broken[bench.catalog.path(event.url)] = lambda: httpx.Response(404)
    answers = dict(bench.catalog.broken)
    fail_behind(bench, *events)
    bench.catalog.broken.update(answers)
    with pytest.raises(GateFailed, match="12 of 13"):
        bench.scan()
    assert bench.catalog.asked["/page0.json"] == 2
    assert bench.watermark() is None


def test_where_every_page_was_finished_only_the_callback_is_left(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 0))
    bench.catalog.publish()
    opened = bench.open()
    assert opened is not None
    bench.read(opened.run_id, opened.pages[0])
    runs.end(bench.conn, opened.run_id, State.ABORTED, error="by hand")
    again = bench.open()
    assert again is not None
    assert again.pages == []
    assert bench.finish(again.run_id).state == "done"
    assert bench.watermark() == ZERO
    assert bench.differences() == []


def test_a_page_or_index_that_breaks_its_shape_is_an_error_and_not_a_loss(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 0))
    bench.catalog.publish()
    bench.catalog.broken["/page0.json"] = lambda: httpx.Response(200, content=b'{"items": []}')
    opened = bench.open()
    assert opened is not None
    with pytest.raises(UpstreamChanged, match=r"page0\.json is not as promised"):
        bench.read(opened.run_id, opened.pages[0])
    assert scan.fail(bench.conn, opened.run_id, "why", base.TRIES)
    bench.catalog.broken["/index.json"] = lambda: httpx.Response(200, content=b'{"items": [], "commitTimeStamp": 1.5}')
    with pytest.raises(UpstreamChanged):
        bench.open()


def test_a_lost_run_is_taken_over_and_its_stored_pages_are_not_read_again(bench: Bench) -> None:
    for number in range(3):
        bench.catalog.add(f"page{number}", details("A", f"{number}.0.0", number))
    bench.catalog.publish()
    opened = bench.open()
    assert opened is not None
    bench.read(opened.run_id, opened.pages[0])
    bench.silence()
    bench.chain()
    assert bench.run(opened.run_id)["state"] == "lost"
    assert "no sign of life" in bench.run(opened.run_id)["error"]
    assert bench.catalog.asked[bench.catalog.path(details("A", "0.0.0", 0).url)] == 1
    assert bench.read(opened.run_id, opened.pages[1]).note, "a late task of a lost run does nothing"
    assert bench.differences() == []


def test_a_run_that_lacks_only_its_callback_is_not_lost(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 0))
    bench.catalog.publish()
    opened = bench.open()
    assert opened is not None
    bench.read(opened.run_id, opened.pages[0])
    bench.silence()
    assert recovery.free_lost(bench.conn, bench.settings) == []
    assert bench.finish(opened.run_id).state == "done"


def test_a_run_that_was_not_planned_yet_cannot_be_finished(bench: Bench) -> None:
    run_id = open_scan(bench.conn, bench.settings)
    assert bench.finish(run_id).state == "running"
    other = runs.open_run(bench.conn, Source.SPDX, Action.SYNC, Kind.MANUAL)
    assert bench.finish(other).state == "running"
