"""Lines of a page that are no items: each is one rejected leaf, which upstream, a replay or a scan may mend."""

import json

import httpx
import pytest

from pkgintel.errors import GateFailed, UpstreamUnavailable
from pkgintel.pipeline import replay
from pkgintel.pipeline.replay import ReplayRequest
from tests.support.catalogs import ZERO, details
from tests.support.oddities import answer, document, grown, read_rejected, rows, spoiled
from tests.support.scans import Bench
from tests.support.tables import differences


def test_an_odd_item_is_one_rejected_leaf_however_often_its_page_is_read(bench: Bench) -> None:
    events = grown(bench)
    lines = spoiled(bench, 1, commitTimeStamp="2199-01-01T00:00:00Z")
    done = bench.scan()
    assert done is not None
    assert (done.state, done.leaves, done.rejected) == ("done", 3, 1)
    row = rows(bench)[0]
    assert row["leaf_url"].startswith(f"{bench.catalog.url('page0')}#item-2-")
    assert (row["reason"], row["package_id"], row["version"], row["kind"]) == ("item", "P1", "1.0.0", "details")
    assert row["error"] == "item 2: its commit at 2199-01-01T00:00:00Z lies in the future"
    assert json.loads(row["body"]) == lines[1]
    assert row["commit_ticks"] == ZERO + 2, "that of its page"

    bench.catalog.add("page0", details("Q", "1.0.0", 9))
    bench.catalog.publish()
    answer(bench, "/page0.json", items=[details("Q", "1.0.0", 9).item, *lines])  # Two lines further down.
    bench.scan()
    assert [(row["leaf_url"], row["attempts"]) for row in rows(bench)] == [(row["leaf_url"], 1)]
    assert bench.watermark() == ZERO + 9
    assert differences(bench.conn, [events[0], events[2], details("Q", "1.0.0", 9)]) == []

    read_rejected(bench)
    assert [(row["attempts"], row["resolution"]) for row in rows(bench)] == [(2, None)], "it is there as before"
    replay.accept(bench.conn, bench.settings, "upstream will not mend it")
    bench.catalog.add("page0", details("R", "1.0.0", 12))
    bench.catalog.publish()
    answer(bench, "/page0.json", items=[details("R", "1.0.0", 12).item, details("Q", "1.0.0", 9).item, *lines])
    bench.scan()
    assert [row["resolution"] for row in rows(bench)] == ["accepted"]


@pytest.mark.parametrize("stamp", [5, 17_145_216_000_000_002, None, "whenever"])
def test_an_item_whose_stamp_is_none_is_rejected_and_never_taken_for_an_old_one(bench: Bench, stamp: object) -> None:
    grown(bench)
    spoiled(bench, 1, commitTimeStamp=stamp)
    done = bench.scan()
    assert done is not None
    assert (done.leaves, done.rejected) == (3, 1)
    assert rows(bench)[0]["error"].startswith("item 2: commitTimeStamp: ")


@pytest.mark.parametrize("by", ["replay", "page", "scan"])
def test_an_item_that_upstream_mends_is_stored(bench: Bench, by: str) -> None:
    grown(bench)
    spoiled(bench, 1, **{"nuget:id": "\0"})
    bench.scan()
    bench.catalog.broken.clear()
    if by == "replay":
        read_rejected(bench)
    elif by == "page":
        read_rejected(bench, ReplayRequest(page=bench.catalog.url("page0")))
    else:
        bench.catalog.add("page0", details("Q", "1.0.0", 9))
        bench.catalog.publish()
        bench.scan()
    assert [row["resolution"] for row in rows(bench)] == ["replayed"]
    assert bench.differences() == []


def test_a_replay_of_some_time_takes_no_item_for_mended_that_it_does_not_read(bench: Bench) -> None:
    grown(bench)
    spoiled(bench, 0, **{"nuget:id": "\0"})
    bench.scan()
    bench.catalog.broken.clear()
    read_rejected(bench, ReplayRequest(until="2024-05-01T00:00:00.0000001Z"))
    assert [row["resolution"] for row in rows(bench)] == [None]
    read_rejected(bench)
    assert bench.differences() == []


def test_of_an_endless_line_only_the_beginning_is_kept(bench: Bench) -> None:
    grown(bench)
    answer(bench, "/page0.json", items=[*document(bench)["items"], "x" * 900_000], count=4)
    bench.scan()
    assert [len(row["body"]) for row in rows(bench)] == [64_000]


def test_an_older_copy_never_counts_as_a_mended_page(bench: Bench) -> None:
    grown(bench, 2)
    old = json.dumps(document(bench)).encode()
    bench.catalog.add("page0", details("Q", "1.0.0", 9))
    bench.catalog.publish()
    spoiled(bench, 0, **{"@type": "nuget:PackageMoved"})
    bench.scan()
    assert rows(bench)[0]["kind"] is None
    bench.catalog.broken["/page0.json"] = lambda: httpx.Response(200, content=old)
    run_id, urls = replay.open_run(bench.conn, bench.settings, bench.client, ReplayRequest(rejected=True))
    with pytest.raises(UpstreamUnavailable, match="older copy"):
        bench.read(run_id, urls[0])
    assert rows(bench)[0]["resolution"] is None


def test_too_many_odd_items_are_a_drift_that_holds_the_watermark(bench: Bench) -> None:
    grown(bench, 20)
    lines = [
        line | {"nuget:version": None} if number < 10 else line for number, line in enumerate(document(bench)["items"])
    ]
    answer(bench, "/page0.json", items=lines)
    with pytest.raises(GateFailed, match="10 of 20 leaves were rejected"):
        bench.scan()
    assert bench.watermark() is None
    assert replay.accept(bench.conn, bench.settings, "a test says so")[0] == 10
    assert bench.watermark() == ZERO + 19
