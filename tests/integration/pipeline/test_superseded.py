"""A rejected leaf whose version is stored later from a newer leaf is missing nothing: it is resolved as superseded."""

from typing import Any

import pytest

from pkgintel import database as db
from pkgintel.database import events as store
from pkgintel.errors import GateFailed
from pkgintel.pipeline import gate, replay
from pkgintel.pipeline.checks import PACKAGES
from tests.support.catalogs import ZERO, delete, details
from tests.support.oracle import Event
from tests.support.scans import Bench
from tests.support.tables import differences


def reject(bench: Bench, *events: Event) -> None:
    """A page of these leaves, none of which can be read, behind one that can."""
    bench.catalog.add("page0", details("Good", "1.0.0", 0), *events)
    for event in events:
        bench.catalog.break_leaf(event)
    bench.catalog.publish()
    bench.scan()
    assert bench.rejected() == {event.url for event in events}


def grow(bench: Bench, *events: Event) -> None:
    bench.catalog.add("page1", *events)
    bench.catalog.publish()
    bench.scan()


def row(bench: Bench) -> dict[str, Any]:
    [found] = bench.conn.execute("SELECT * FROM ops.rejected_leaves").fetchall()
    return found


@pytest.mark.parametrize("published", [("Acme", "1.0.0"), ("ACME", "1.0.0"), ("Acme", "1.0"), ("Acme", "1.0.0.0+x")])
def test_a_rejected_leaf_is_superseded_by_a_newer_one_of_its_version(bench: Bench, published: tuple[str, str]) -> None:
    reject(bench, details("Acme", "1.0.0", 5))
    newer = details(*published, 9, listed=False)
    grow(bench, newer)
    resolved = row(bench)
    assert (resolved["resolution"], resolved["why"]) == ("superseded", f"stored from {newer.url}")
    assert resolved["resolved_at"] is not None
    assert bench.differences() == [], "as if it had been read"
    results = {result.name: result.passed for result in gate.hold(bench.conn, bench.settings, PACKAGES, None)}
    assert results["raw_nuget_packages_rejected"]
    assert db.every(bench.conn, "replay/rejected_pages") == [], "nothing is left to read again"

    bench.catalog.broken.clear()  # Upstream heals, and more comes: that changes nothing any more.
    bench.catalog.asked.clear()
    grow(bench, details("Other", "1.0.0", 12))
    assert bench.catalog.asked[bench.catalog.path(resolved["leaf_url"])] == 0
    assert row(bench) == resolved
    assert bench.differences() == []


@pytest.mark.parametrize(
    ("lost", "newer", "superseded"),
    [
        (details("A", "1.0.0", 5), details("A", "1.0.0", 9), True),
        (details("A", "1.0.0", 5), details("A", "2.0.0", 9), False),
        (details("A", "1.0.0", 5), details("B", "1.0.0", 9), False),
        (details("A", "1.0.0", 5), delete("A", "1.0.0", 9), False),  # Its row keeps what was last known of it.
        (delete("A", "1.0.0", 5), delete("A", "1.0.0", 9), True),
        (delete("A", "1.0.0", 5), details("A", "1.0.0", 9), True),
    ],
)
def test_what_supersedes_what(bench: Bench, lost: Event, newer: Event, superseded: bool) -> None:
    reject(bench, lost)
    grow(bench, newer)
    assert (row(bench)["resolution"], bench.rejected()) == (("superseded", set()) if superseded else (None, {lost.url}))
    bench.catalog.broken.clear()
    run_id, urls = replay.open_run(bench.conn, bench.settings, bench.client, replay.ReplayRequest(rejected=True))
    assert bool(urls) is not superseded
    for url in urls:
        bench.read(run_id, url)
    replay.finish(bench.conn, run_id)
    assert bench.differences() == []


def test_a_leaf_rejected_by_a_replay_is_superseded_at_once(bench: Bench) -> None:
    newer = details("A", "1.0.0", 9)
    bench.catalog.add("page0", details("A", "1.0.0", 5))
    bench.catalog.add("page1", newer)
    bench.catalog.publish()
    bench.scan()
    older = bench.catalog.pages["page0"][0]
    bench.catalog.break_leaf(older)
    run_id, urls = replay.open_run(
        bench.conn, bench.settings, bench.client, replay.ReplayRequest(page=bench.catalog.url("page0"))
    )
    for url in urls:
        bench.read(run_id, url)
    assert bench.rejected() == {older.url}
    assert replay.finish(bench.conn, run_id)
    assert (row(bench)["resolution"], bench.rejected()) == ("superseded", set())


def test_any_number_of_rejected_leaves_is_looked_through_in_batches(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "REJECTS_AT_ONCE", 2)
    reject(bench, *(details(f"P{number}", "1.0.0", 5 + number // 2, name=str(number)) for number in range(7)))
    bench.conn.execute("UPDATE ops.rejected_leaves SET version = 'no version' WHERE package_id = 'P3'")
    grow(bench, *(details(f"P{number}", "1.0.0", 20) for number in range(7)))
    assert [url for url in bench.rejected() if "p3" not in url.lower()] == []
    assert len(bench.rejected()) == 1


def test_a_blocked_catalog_goes_on_once_newer_leaves_stand_for_the_rejected_ones(bench: Bench) -> None:
    events = [details(f"P{number:02}", "1.0.0", number) for number in range(40)]
    bench.catalog.add("page0", *events)
    for event in events[:12]:
        bench.catalog.break_leaf(event)
    bench.catalog.publish()
    with pytest.raises(GateFailed, match="12 of 40"):
        bench.scan()
    assert bench.watermark() is None
    newer = [details(f"P{number:02}", "1.0.0", 50 + number, listed=False) for number in range(12)]
    bench.catalog.add("page1", *newer)
    bench.catalog.publish()
    done = bench.scan()
    assert done is not None
    assert (done.state, bench.watermark()) == ("done", ZERO + 61)
    assert bench.rejected() == set()
    assert gate.closed(bench.conn, bench.settings) == []
    assert differences(bench.conn, [*events, *newer]) == []


def test_a_newer_leaf_for_some_of_them_leaves_the_others_in_the_count(bench: Bench) -> None:
    events = [details(f"P{number:02}", "1.0.0", number) for number in range(40)]
    bench.catalog.add("page0", *events)
    for event in events[:12]:
        bench.catalog.break_leaf(event)
    bench.catalog.publish()
    with pytest.raises(GateFailed, match="12 of 40"):
        bench.scan()
    grown = [details("P00", "1.0.0", 50, listed=False)]
    bench.catalog.add("page1", *grown)
    bench.catalog.publish()
    with pytest.raises(GateFailed, match="11 of"):
        bench.scan()
    assert bench.watermark() is None
    assert bench.rejected() == {event.url for event in events[1:12]}


def test_an_odd_item_of_a_page_is_not_superseded_for_its_time_may_be_wrong_too(bench: Bench) -> None:
    reject(bench, details("A", "1.0.0", 5))
    bench.conn.execute("UPDATE ops.rejected_leaves SET reason = 'item'")
    grow(bench, details("A", "1.0.0", 9))
    assert row(bench)["resolved_at"] is None
