"""Pages that are not whole or say impossible times: nothing passes unseen."""

import json
from typing import Any

import httpx
import pytest

from pkgintel.errors import SettingsError, UpstreamChanged, UpstreamUnavailable
from pkgintel.pipeline import replay, scan
from pkgintel.pipeline.replay import ReplayRequest
from pkgintel.tasks import base
from tests.support.catalogs import ZERO, Document, details
from tests.support.oddities import FUTURE, UNREADABLE, answer, document, grown
from tests.support.scans import Bench
from tests.support.tables import differences


@pytest.mark.parametrize(
    "short",
    [
        {"items": []},
        {"items": [details("P0", "1.0.0", 0).item]},
        {"items": [], "count": ...},
        {"items": [], "count": 0},
    ],
    ids=["empty", "cut", "no count of its own", "a count of none"],
)
def test_a_short_page_is_asked_for_again_and_the_watermark_stays(bench: Bench, short: Document) -> None:
    grown(bench)
    answer(bench, "/page0.json", **short)
    opened = bench.open()
    assert opened is not None
    with pytest.raises(UpstreamUnavailable, match=r"short copy, with [01] of the 3 items .* --accept-count"):
        bench.read(opened.run_id, opened.pages[0])
    assert bench.finish(opened.run_id).state == "running"
    assert bench.watermark() is None
    bench.catalog.broken.clear()
    bench.read(opened.run_id, opened.pages[0])
    assert bench.finish(opened.run_id).state == "done"
    assert bench.differences() == []


def test_a_page_without_any_count_and_one_with_more_than_the_index_says_are_taken(bench: Bench) -> None:
    grown(bench)
    bench.catalog.counts.clear()
    answer(bench, "/page0.json", count=...)
    bench.chain()
    bench.catalog.broken.clear()
    bench.catalog.add("page0", details("Q", "1.0.0", 9))
    bench.catalog.publish()
    bench.catalog.counts["page0"] = 1  # The index is older than the page in this alone.
    bench.chain()
    assert bench.differences() == []


@pytest.mark.parametrize("count", [-1, "3", 1.5, True, None, 10**12, [3]])
def test_a_count_that_is_no_number_of_items_breaks_the_shape(bench: Bench, count: Any) -> None:
    grown(bench)
    answer(bench, "/page0.json", count=count)
    opened = bench.open()
    assert opened is not None
    with pytest.raises(UpstreamChanged, match=r"page0\.json is not as promised: count"):
        bench.read(opened.run_id, opened.pages[0])
    scan.fail(bench.conn, opened.run_id, "why", base.TRIES)
    bench.silence()
    entry = document(bench, "/index.json")["items"][0] | {"count": count}
    answer(bench, "/index.json", items=[entry])
    with pytest.raises(UpstreamChanged, match=r"index\.json is not as promised: items.0.count"):
        bench.open()


def test_an_index_that_names_fewer_pages_than_it_counts_is_a_short_copy(bench: Bench) -> None:
    """A page that is left out in the middle would be passed over for good once a newer one is read."""
    bench.catalog.add("page0", details("Early", "1.0.0", 1))
    bench.catalog.add("page1", details("Missed", "1.0.0", 5))
    bench.catalog.add("page2", details("Late", "1.0.0", 9))
    bench.catalog.publish()
    left_out = bench.catalog.index.pop("page1")
    bench.catalog.counts["index"] = 3
    index = ReplayRequest(page=bench.catalog.url("index"))
    with pytest.raises(UpstreamUnavailable, match=r"short copy, with 2 of the 3 pages .* --accept-count"):
        bench.open()
    assert bench.watermark() is None
    bench.silence()
    bench.catalog.index["page1"] = left_out
    with pytest.raises(SettingsError, match="holds all of its 3 pages"):
        replay.accept_count(bench.conn, bench.settings, bench.client, index, "why not", "me")
    bench.chain()
    assert bench.differences() == []
    bench.catalog.counts["index"] = 4
    accepted = replay.accept_count(bench.conn, bench.settings, bench.client, index, "one was withdrawn", "me")
    assert (accepted.promised, accepted.items, accepted.is_index) == (4, 3, True)
    bench.chain()
    bench.catalog.counts["index"] = 5
    with pytest.raises(UpstreamUnavailable, match="with 3 of the 5 pages"):
        bench.open()


def test_a_count_that_stays_wrong_is_accepted_with_a_reason_and_no_further(bench: Bench) -> None:
    events = grown(bench)
    page = ReplayRequest(page=bench.catalog.url("page0"))
    with pytest.raises(SettingsError, match="holds all of its 3 items"):
        replay.accept_count(bench.conn, bench.settings, bench.client, page, "why not", "me")
    answer(bench, "/page0.json", items=[event.item for event in events[1:]])
    with pytest.raises(SettingsError, match="needs a reason"):
        replay.accept_count(bench.conn, bench.settings, bench.client, page, " ", "me")
    replay.accept_count(bench.conn, bench.settings, bench.client, page, "one was never there", "me")
    kept = bench.conn.execute("SELECT * FROM ops.accepted_counts").fetchone() or {}
    assert (kept["promised"], kept["items"], kept["why"], kept["accepted_by"]) == (3, 2, "one was never there", "me")
    answer(bench, "/page0.json", items=[events[2].item])
    opened = bench.open()
    assert opened is not None
    with pytest.raises(UpstreamUnavailable, match="short copy, with 1 of the 3 items"):
        bench.read(opened.run_id, opened.pages[0])
    answer(bench, "/page0.json", items=[event.item for event in events[1:]])
    bench.read(opened.run_id, opened.pages[0])
    assert bench.finish(opened.run_id).state == "done"
    assert bench.watermark() == ZERO + 2
    assert differences(bench.conn, events[1:]) == []


@pytest.mark.parametrize("stamp", [*FUTURE, *UNREADABLE])
def test_a_header_of_an_impossible_time_fails_and_the_watermark_stays(bench: Bench, stamp: str) -> None:
    grown(bench)
    bench.chain()
    bench.catalog.add("page1", details("Q", "1.0.0", 30))
    bench.catalog.publish()
    entries = document(bench, "/index.json")["items"]
    for change in ({"commitTimeStamp": stamp}, {"items": [entries[0] | {"commitTimeStamp": stamp}, entries[1]]}):
        answer(bench, "/index.json", **change)
        with pytest.raises(UpstreamChanged, match=r"index http\S+index\.json.* (lies in the future|before the year 1)"):
            bench.open()
        bench.silence()
    bench.catalog.broken.clear()
    answer(bench, "/page1.json", commitTimeStamp=stamp)
    opened = bench.open()
    assert opened is not None
    with pytest.raises(UpstreamChanged, match=r"page http\S+page1\.json.* (lies in the future|before the year 1)"):
        bench.read(opened.run_id, opened.pages[-1])
    assert bench.watermark() == ZERO + 2
    bench.catalog.broken.clear()
    bench.silence()
    bench.chain()
    assert bench.differences() == []


def test_a_page_that_is_no_json_as_a_whole_still_fails(bench: Bench) -> None:
    grown(bench)
    body = json.dumps(document(bench)).encode()[:-9]
    bench.catalog.broken["/page0.json"] = lambda: httpx.Response(200, content=body)
    opened = bench.open()
    assert opened is not None
    with pytest.raises(UpstreamChanged, match="not JSON"):
        bench.read(opened.run_id, opened.pages[0])
