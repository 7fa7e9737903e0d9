"""Whole scans without Celery: the named oddities and failures; test_histories reads those that nobody named."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pkgintel import database as db
from pkgintel.errors import (
    AlreadyRunning,
    CatalogMismatch,
    GateFailed,
    RunFailed,
    UpstreamChanged,
    UpstreamUnavailable,
)
from pkgintel.pipeline import classify, gate, page, replay, runs, scan
from pkgintel.pipeline.checks import PACKAGES
from pkgintel.pipeline.replay import ReplayRequest
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.tasks import base, recovery
from pkgintel.upstream.slots import LocalLimit
from tests.support.catalogs import ZERO, Catalog, delete, details
from tests.support.histories import SECOND
from tests.support.oracle import Event
from tests.support.patience import quick
from tests.support.scans import Bench, gate_results, open_scan
from tests.support.tables import differences


@pytest.fixture
def bench(conn: db.Connection, database: str) -> Iterator[Bench]:
    made = Bench(conn, quick(database), Catalog())
    yield made
    made.close()


# --- named oddities --------------------------------------------------------------------------------------------------


def test_a_scan_stores_what_the_catalog_says_and_the_next_one_is_caught_up(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 0), details("B", "1.0.0-x", 5), delete("C", "2.0", 5))
    bench.catalog.publish()
    done = bench.scan()
    assert done is not None
    assert (done.state, done.more, done.leaves, done.rejected) == ("done", False, 3, 0)
    assert bench.scan() is None
    assert [run["state"] for run in bench.runs()] == ["done", "caught_up"]
    assert bench.differences() == []
    assert bench.watermark() == ZERO + 5


def test_pages_of_one_stamp_are_not_parted_by_the_page_limit(bench: Bench) -> None:
    bench.settings = bench.settings.model_copy(update={"pages_per_scan": 1, "overlap": 0})
    bench.catalog.add("page0", details("A", "1.0.0", 7))
    bench.catalog.add("page1", details("B", "1.0.0", 7))
    bench.catalog.publish()
    bench.scan()
    assert bench.differences() == []


def test_a_wide_page_behind_a_narrow_one_loses_nothing(bench: Bench) -> None:
    """Page 0 spans hours and is newer by a second than page 1, which comes before it and moves the watermark."""
    bench.settings = bench.settings.model_copy(update={"pages_per_scan": 1, "overlap": 3})
    bench.catalog.add("page0", details("A", "1.0.0", 0), details("B", "1.0.0", 5 * 3600 * SECOND + SECOND))
    bench.catalog.add("page1", details("C", "1.0.0", 5 * 3600 * SECOND))
    bench.catalog.publish()
    bench.chain()
    assert bench.differences() == []


def test_an_older_copy_of_a_page_than_the_index_knows_is_not_taken_for_the_page(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 0))
    bench.catalog.publish()
    bench.catalog.index["page0"] = ZERO + 9  # The index has it as of 9; a cache answers with the page of 0.
    opened = bench.open()
    assert opened is not None
    with pytest.raises(UpstreamUnavailable, match="older copy"):
        bench.read(opened.run_id, opened.pages[0])
    assert bench.finish(opened.run_id).state == "running"
    bench.catalog.add("page0", details("A", "1.0.0", 9, listed=False))
    bench.read(opened.run_id, opened.pages[0])
    assert bench.finish(opened.run_id).state == "done"
    assert bench.differences() == []


def test_where_the_newest_leaf_cannot_be_had_the_one_before_it_counts(bench: Bench) -> None:
    older, newer = details("A", "1.0.0", 0), details("A", "1.0.0", 9, listed=False)
    bench.catalog.add("page0", older, newer)
    bench.catalog.break_leaf(newer)
    bench.catalog.publish()
    bench.scan()
    assert differences(bench.conn, [older]) == []
    assert rejects(bench) == [(newer.url, "missing", 1, None)]


def test_stored_leaves_are_not_asked_for_again(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 0), details("B", "1.0.0", 1))
    bench.catalog.publish()
    bench.scan()
    bench.catalog.asked.clear()
    bench.catalog.add("page0", details("A", "2.0.0", 2))
    bench.catalog.publish()
    bench.scan()
    assert [path for path in bench.catalog.asked if path.startswith("/data")] == [
        bench.catalog.path(details("A", "2.0.0", 2).url)
    ]
    assert bench.differences() == []


def test_a_page_that_is_done_is_not_fetched_again_by_the_next_scan_of_its_chain(bench: Bench) -> None:
    bench.settings = bench.settings.model_copy(update={"pages_per_scan": 2})
    for number in range(5):
        bench.catalog.add(f"page{number}", details("A", f"{number}.0.0", number))
    bench.catalog.publish()
    assert bench.chain() == 4
    assert [bench.catalog.asked[f"/page{number}.json"] for number in range(5)] == [1] * 5
    assert bench.differences() == []


# --- failures --------------------------------------------------------------------------------------------------------


def rejects(bench: Bench) -> list[tuple[Any, ...]]:
    rows = bench.conn.execute("SELECT * FROM ops.rejected_leaves ORDER BY leaf_url").fetchall()
    return [(row["leaf_url"], row["reason"], row["attempts"], row["resolution"]) for row in rows]


BREACHES = [
    (404, b"<Error/>", "missing"),
    (410, b"", "missing"),
    (200, b"<html>not here</html>", "not-json"),
    (200, b'{"@type": "PackageDetails", "id": "A", "ver', "not-json"),
    (200, b'{"@type": "PackageDetails", "id": "A"}', "schema"),
    (200, b'{"@type": "PackageDelete", "id": "A", "version": "1.0.0"}', "schema"),
    (200, b'{"@type": "PackageDetails", "id": "B", "version": "1.0.0", "listed": true}', "schema"),
    (200, b'{"@type": "PackageDetails", "id": "A", "version": "1.0.1", "listed": true}', "schema"),
    (200, b'{"@type": "PackageDetails", "id": "A", "version": "1.0.0", "listed": "yes"}', "schema"),
    (200, b'{"@type": "PackageDetails", "id": "A", "version": "1.0.0"}', "schema"),
    (200, b'{"@type": "PackageDetails", "id": "A", "version": "1.0.0", "listed": true, "n": 1e400000}', "unstorable"),
]


@pytest.mark.parametrize(("status", "body", "reason"), BREACHES)
def test_a_leaf_that_cannot_be_had_is_rejected_with_its_reason_and_the_rest_is_stored(
    bench: Bench, status: int, body: bytes, reason: str
) -> None:
    bad, good = details("A", "1.0.0", 0), details("B", "1.0.0", 1)
    bench.catalog.add("page0", bad, good)
    bench.catalog.break_leaf(bad, status, body)
    bench.catalog.publish()
    done = bench.scan()
    assert done is not None
    assert (done.state, done.rejected) == ("done", 1)
    assert rejects(bench) == [(bad.url, reason, 1, None)]
    row = bench.conn.execute("SELECT * FROM ops.rejected_leaves").fetchone() or {}
    assert row["error"]
    assert row["run_id"] == done.run_id
    assert status != 200 or row["body"] == body.decode()
    assert differences(bench.conn, [good]) == []
    assert gate_results(bench, PACKAGES)["raw_nuget_packages_rejected"] is False


def drift(bench: Bench, bad: int, of: int) -> list[Event]:
    events = [details(f"P{number:04}", "1.0.0", number) for number in range(of)]
    bench.catalog.add("page0", *events)
    for event in events[:bad]:
        bench.catalog.break_leaf(event, 200, b'{"@type": "PackageDetails"}')
    bench.catalog.publish()
    return events


@pytest.mark.parametrize(
    ("bad", "of", "blocked"), [(9, 9, False), (10, 999, True), (10, 1000, False), (11, 1000, True)]
)
def test_more_rejects_than_the_limit_block_the_run(bench: Bench, bad: int, of: int, blocked: bool) -> None:
    drift(bench, bad, of)
    if not blocked:
        done = bench.scan()
        assert done is not None
        assert done.rejected == bad
        return
    with pytest.raises(GateFailed, match=f"{bad} of {of} leaves were rejected"):
        bench.scan()
    assert bench.runs()[-1]["state"] == "blocked"
    assert bench.watermark() is None


def test_a_blocked_catalog_goes_on_once_its_leaves_read_well(bench: Bench) -> None:
    events = drift(bench, 10, 20)
    with pytest.raises(GateFailed):
        bench.scan()
    with pytest.raises(GateFailed, match="rejected"):
        classify.classify(bench.conn, bench.settings)
    with pytest.raises(GateFailed):  # The watermark stays, so the same leaves are asked for again.
        bench.scan()
    assert {attempts for _, _, attempts, _ in rejects(bench)} == {2}
    bench.catalog.broken.clear()
    done = bench.scan()
    assert done is not None
    assert done.state == "done"
    assert {resolution for _, _, _, resolution in rejects(bench)} == {"replayed"}
    assert bench.watermark() == ZERO + 19
    assert differences(bench.conn, events) == []
    assert gate.closed(bench.conn, bench.settings) == []


def test_a_replay_that_cannot_have_them_either_leaves_the_run_blocked(bench: Bench) -> None:
    drift(bench, 10, 20)
    with pytest.raises(GateFailed):
        bench.scan()
    blocked = bench.runs()[-1]["id"]
    run_id, urls = replay.open_run(bench.conn, bench.settings, bench.client, ReplayRequest(rejected=True))
    for url in urls:
        page.store_page(bench.db, bench.settings, bench.client, LocalLimit(8).lease, run_id, url)
    assert replay.finish(bench.conn, run_id)
    assert "stays blocked" in str(replay.unblock(bench.conn, bench.settings))
    assert [run["state"] for run in bench.runs() if run["id"] == blocked] == ["blocked"]
    assert bench.watermark() is None


def test_one_replay_fetches_every_rejected_leaf_also_two_of_one_version(bench: Bench) -> None:
    events = [details("A", "1.0.0", commit, name=str(commit)) for commit in (0, 5, 9)]
    bench.catalog.add("page0", *events, delete("A", "1.0.0", 3))
    bench.catalog.publish()
    for event in events:
        bench.catalog.broken[bench.catalog.path(event.url)] = lambda: httpx.Response(404)
    bench.scan()
    assert len(rejects(bench)) == 3
    bench.catalog.broken.clear()
    run_id, urls = replay.open_run(bench.conn, bench.settings, bench.client, ReplayRequest(rejected=True))
    for url in urls:
        page.store_page(bench.db, bench.settings, bench.client, LocalLimit(8).lease, run_id, url)
    assert {resolution for _, _, _, resolution in rejects(bench)} == {"replayed"}
    assert bench.differences() == []


def test_a_replay_asks_the_catalog_that_filled_the_database(bench: Bench) -> None:
    drift(bench, 3, 20)
    bench.scan()
    elsewhere = bench.settings.model_copy(update={"service_index_url": "https://api.nuget.org/v3/index.json"})
    run_id, urls = replay.open_run(bench.conn, elsewhere, bench.client, ReplayRequest(rejected=True))
    assert urls
    run = bench.conn.execute("SELECT catalog FROM ops.runs WHERE id = %s", (run_id,)).fetchone()
    assert run is not None
    assert run["catalog"]["index_url"].startswith(bench.settings.service_index_url.removesuffix("/v3/index.json"))


def test_accepted_rejects_let_a_blocked_run_end_and_are_not_asked_for_again(bench: Bench) -> None:
    events = drift(bench, 10, 20)
    with pytest.raises(GateFailed):
        bench.scan()
    run_id = bench.runs()[-1]["id"]
    bench.conn.execute(
        "UPDATE ops.rejected_leaves SET resolved_at = now(), resolution = 'accepted', why = 'a test says so'"
    )
    assert bench.finish(run_id).state == "done"
    assert bench.watermark() == ZERO + 19
    bench.catalog.asked.clear()
    bench.catalog.add("page0", details("Q", "1.0.0", 30))
    bench.catalog.publish()
    bench.scan()
    assert not any(bench.catalog.asked[bench.catalog.path(event.url)] for event in events)


def test_a_page_that_keeps_failing_fails_its_run_and_the_watermark_stays(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 0))
    bench.catalog.add("page1", details("B", "1.0.0", 9))
    bench.catalog.publish()
    bench.catalog.broken["/page1.json"] = lambda: httpx.Response(503)
    opened = bench.open()
    assert opened is not None
    bench.read(opened.run_id, opened.pages[0])
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


def fail_behind(bench: Bench, *events: Event) -> None:
    """A scan that reads page 0 with `events`, and fails for a page 1 that is not to be had."""
    bench.catalog.add("page0", *events)
    bench.catalog.add("page1", details("Last", "1.0.0", 9))
    bench.catalog.publish()
    bench.catalog.broken["/page1.json"] = lambda: httpx.Response(503)
    opened = bench.open()
    assert opened is not None
    bench.read(opened.run_id, opened.pages[0])
    page.record_failure(bench.db, opened.run_id, opened.pages[1], RuntimeError("gone"), final=True)
    with pytest.raises(RunFailed):
        bench.finish(opened.run_id)
    bench.catalog.broken.clear()


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


def test_a_second_scan_is_skipped_and_recorded(bench: Bench) -> None:
    first = open_scan(bench.conn, bench.settings, Kind.SCHEDULED, "task-1")
    assert open_scan(bench.conn, bench.settings, Kind.SCHEDULED, "task-1") == first, "the same task, delivered again"
    with pytest.raises(AlreadyRunning, match=f"^already_running: run {first} is in progress"):
        open_scan(bench.conn, bench.settings, Kind.MANUAL, "task-2")
    assert [(run["state"], run["kind"]) for run in bench.runs()] == [("running", "scheduled"), ("skipped", "manual")]


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


def test_two_catalogs_never_share_a_database(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 0))
    bench.catalog.publish()
    bench.open()
    bench.conn.execute("UPDATE ops.runs SET state = 'aborted', finished_at = now() WHERE state = 'running'")
    bench.conn.execute("UPDATE ops.catalog SET name = 'another'")
    with pytest.raises(CatalogMismatch, match="holds the catalog another and refuses"):
        bench.open()
