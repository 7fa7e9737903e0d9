"""Whole scans without Celery: the named oddities and failures; test_histories reads those that nobody named."""

import pytest

from pkgintel.errors import (
    AlreadyRunning,
    CatalogMismatch,
    UpstreamUnavailable,
)
from pkgintel.pipeline.states import Kind
from tests.support.catalogs import ZERO, delete, details
from tests.support.histories import SECOND
from tests.support.scans import Bench, open_scan
from tests.support.tables import differences


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
    assert bench.rejects() == [(newer.url, "missing", 1, None)]


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


def test_a_second_scan_is_skipped_and_recorded(bench: Bench) -> None:
    first = open_scan(bench.conn, bench.settings, Kind.SCHEDULED, "task-1")
    assert open_scan(bench.conn, bench.settings, Kind.SCHEDULED, "task-1") == first, "the same task, delivered again"
    with pytest.raises(AlreadyRunning, match=f"^already_running: run {first} is in progress"):
        open_scan(bench.conn, bench.settings, Kind.MANUAL, "task-2")
    assert [(run["state"], run["kind"]) for run in bench.runs()] == [("running", "scheduled"), ("skipped", "manual")]


def test_two_catalogs_never_share_a_database(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 0))
    bench.catalog.publish()
    bench.open()
    bench.conn.execute("UPDATE ops.runs SET state = 'aborted', finished_at = now() WHERE state = 'running'")
    bench.conn.execute("UPDATE ops.catalog SET name = 'another'")
    with pytest.raises(CatalogMismatch, match="holds the catalog another and refuses"):
        bench.open()
