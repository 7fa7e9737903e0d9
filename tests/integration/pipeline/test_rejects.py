"""Leaves that cannot be read: each is rejected with its reason, too many block the run, and a replay mends it."""

import httpx
import pytest

from pkgintel.errors import (
    GateFailed,
)
from pkgintel.pipeline import classify, gate, page, replay
from pkgintel.pipeline.checks import PACKAGES
from pkgintel.pipeline.replay import ReplayRequest
from pkgintel.upstream.slots import LocalLimit
from tests.support.catalogs import ZERO, delete, details
from tests.support.oracle import Event
from tests.support.scans import Bench, gate_results
from tests.support.tables import differences

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
    assert bench.rejects() == [(bad.url, reason, 1, None)]
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
    assert {attempts for _, _, attempts, _ in bench.rejects()} == {2}
    bench.catalog.broken.clear()
    done = bench.scan()
    assert done is not None
    assert done.state == "done"
    assert {resolution for _, _, _, resolution in bench.rejects()} == {"replayed"}
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
    assert len(bench.rejects()) == 3
    bench.catalog.broken.clear()
    run_id, urls = replay.open_run(bench.conn, bench.settings, bench.client, ReplayRequest(rejected=True))
    for url in urls:
        page.store_page(bench.db, bench.settings, bench.client, LocalLimit(8).lease, run_id, url)
    assert {resolution for _, _, _, resolution in bench.rejects()} == {"replayed"}
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
