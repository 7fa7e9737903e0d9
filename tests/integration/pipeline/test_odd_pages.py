"""Pages that are not whole, say impossible times, or hold lines that are no items: nothing passes unseen."""

import json
import random
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pkgintel import database as db
from pkgintel.errors import GateFailed, SettingsError, UpstreamChanged, UpstreamUnavailable
from pkgintel.nuget.listing import parse
from pkgintel.pipeline import replay, scan
from pkgintel.pipeline.replay import ReplayRequest
from pkgintel.tasks import base
from tests.support.catalogs import ZERO, Catalog, Document, details
from tests.support.databases import empty
from tests.support.oracle import Event
from tests.support.patience import quick
from tests.support.scans import COPIES, Bench, OneConnection
from tests.support.tables import differences


@pytest.fixture
def bench(conn: db.Connection, database: str) -> Iterator[Bench]:
    made = Bench(conn, quick(database), Catalog())
    yield made
    made.close()


def document(bench: Bench, path: str = "/page0.json", **changes: Any) -> Document:
    """What the catalog answers at `path`, changed."""
    found = json.loads(json.dumps(bench.catalog.document(path)))
    return {key: value for key, value in (found | changes).items() if value is not ...}


def answer(bench: Bench, path: str, **changes: Any) -> None:
    """Answer `path` from now on with what it holds now, changed; `...` takes a key away."""
    body = json.dumps(document(bench, path, **changes)).encode()
    bench.catalog.broken[path] = lambda: httpx.Response(200, content=body)


def grown(bench: Bench, events: int = 3) -> list[Event]:
    made = [details(f"P{number}", "1.0.0", number) for number in range(events)]
    bench.catalog.add("page0", *made)
    bench.catalog.publish()
    return made


def read_rejected(bench: Bench, wanted: ReplayRequest | None = None) -> None:
    wanted = wanted or ReplayRequest(rejected=True)
    run_id, urls = replay.open_run(bench.conn, bench.settings, bench.client, wanted)
    for url in urls:
        bench.read(run_id, url)
    assert replay.finish(bench.conn, run_id)


def rows(bench: Bench) -> list[db.Row]:
    return bench.conn.execute("SELECT * FROM ops.rejected_leaves ORDER BY first_seen, leaf_url").fetchall()


# --- pages that are not whole ----------------------------------------------------------------------------------------


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


# --- times that cannot be --------------------------------------------------------------------------------------------

FUTURE = ("2199-01-01T00:00:00Z", "9999-12-30T23:59:59.9999999Z")
UNREADABLE = (
    "9999-12-31T23:59:59.9999999Z",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
)


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


# --- lines that are no items -----------------------------------------------------------------------------------------


def test_an_odd_item_is_one_rejected_leaf_however_often_its_page_is_read(bench: Bench) -> None:
    events = grown(bench)
    lines = document(bench)["items"]
    lines[1] |= {"commitTimeStamp": "2199-01-01T00:00:00Z"}
    answer(bench, "/page0.json", items=lines)
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


@pytest.mark.parametrize("by", ["replay", "page", "scan"])
def test_an_item_that_upstream_mends_is_stored(bench: Bench, by: str) -> None:
    grown(bench)
    lines = document(bench)["items"]
    lines[1] |= {"nuget:id": "\0"}
    answer(bench, "/page0.json", items=lines)
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
    lines = document(bench)["items"]
    lines[0] |= {"nuget:id": "\0"}
    answer(bench, "/page0.json", items=lines)
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
    lines = document(bench)["items"]
    lines[0] |= {"@type": "nuget:PackageMoved"}
    answer(bench, "/page0.json", items=lines)
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


def test_a_page_that_is_no_json_as_a_whole_still_fails(bench: Bench) -> None:
    grown(bench)
    body = json.dumps(document(bench)).encode()[:-9]
    bench.catalog.broken["/page0.json"] = lambda: httpx.Response(200, content=body)
    opened = bench.open()
    assert opened is not None
    with pytest.raises(UpstreamChanged, match="not JSON"):
        bench.read(opened.run_id, opened.pages[0])


# --- any page at all -------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
WRONG: list[Document] = [
    *({"commitTimeStamp": stamp} for stamp in (*FUTURE, *UNREADABLE, "yesterday", "", None, {})),
    *(
        {"@id": url}
        for url in ("http://127.0.0.1:9/\0", "http://127.0.0.1:9/\ud800", "x" * 2001, "", None, [], "//[::1")
    ),
    *({"nuget:id": text} for text in ("a\0", "\udfff", "x" * 1001, "", None, 5, [])),
    *({"nuget:version": text} for text in ("1.0.0\0", "1.0.0-\ud83d", "1" * 501, "", None, 1.0)),
    *({"@type": kind} for kind in ("nuget:PackageMoved", None, 5, [], ["PackageDetail"])),
]


@st.composite
def odd_lines(draw: st.DrawFn) -> list[Any]:
    """Up to nine lines that are no items: a part of a good one is wrong, or it is any JSON value at all."""
    wrong = draw(st.lists(st.sampled_from(WRONG) | VALUES, max_size=9))
    spoiled = [details(f"Odd{number}", "1.0.0", number).item for number in range(len(wrong))]
    return [
        line | one if isinstance(one, dict) and one in WRONG else one
        for line, one in zip(spoiled, wrong, strict=True)
    ]  # fmt: skip


def written(line: Any) -> str:
    return json.dumps(line, sort_keys=True, separators=(",", ":"))


def test_any_page_stores_its_good_items_and_keeps_every_other_line(shared_database: str) -> None:
    with db.connect(shared_database) as conn:
        bench = Bench(conn, quick(shared_database), Catalog(), OneConnection(shared_database, conn))

        @hypothesis_settings(max_examples=300)
        @given(good=st.integers(1, 6), odd=odd_lines(), seed=st.randoms(use_true_random=False), heals=st.booleans())
        def one(good: int, odd: list[Any], seed: Any, heals: bool) -> None:
            empty(conn)
            bench.catalog.__init__()  # type: ignore[misc]
            events = grown(bench, good)
            lines = [*document(bench)["items"], *odd]
            seed.shuffle(lines)
            answer(bench, "/page0.json", items=lines, count=len(lines))
            done = bench.scan()
            assert done is not None
            assert done.state == "done"
            assert bench.watermark() == ZERO + good - 1
            assert differences(conn, events) == []
            kept = {row["body"] for row in rows(bench)}
            assert kept == {written(line) for line in odd}
            assert bench.scan() is None
            if heals:
                bench.catalog.add("page0", *(details(f"Odd{number}", "1.0.0", 0) for number in range(len(odd))))
                bench.catalog.broken.clear()
                read_rejected(bench)
                assert [row for row in rows(bench) if row["resolution"] is None] == []
                assert bench.differences() == []

        try:
            one()
        finally:
            bench.close()


@given(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_page_or_a_page_that_changed(body: bytes) -> None:
    with pytest.raises(UpstreamChanged):
        parse(body, "http://x/page", "http://x/page", ZERO)


@pytest.mark.parametrize("name", COPIES)
def test_every_copy_of_the_faults_is_noticed(bench: Bench, name: str) -> None:
    """The faults that histories meet are faults: none is taken for a good page."""
    grown(bench)
    found = document(bench)
    COPIES[name](found, random.Random(1))
    bench.catalog.broken["/page0.json"] = lambda: httpx.Response(200, content=json.dumps(found).encode())
    opened = bench.open()
    assert opened is not None
    try:
        assert bench.read(opened.run_id, opened.pages[0]).rejected == 1
    except (UpstreamUnavailable, UpstreamChanged):
        assert bench.watermark() is None
