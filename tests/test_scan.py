"""Whole scans without Celery: catalogs of every oddity, read in waves, with crashes between; nothing may be lost."""

import random
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pkgintel import classify, db, gate, ledger, page, replay, scan
from pkgintel.checks import LICENSES, PACKAGES, VERDICTS
from pkgintel.errors import CatalogMismatch, GateFailed, RunFailed, UpstreamChanged, UpstreamUnavailable
from pkgintel.fleet import LocalGauge
from pkgintel.replay import Wanted
from pkgintel.settings import Settings
from pkgintel.wire import Wire
from tests.catalogs import ZERO, Catalog, delete, details
from tests.conftest import empty, quick
from tests.histories import CLOSE, FAR, SECOND, History, grow, histories
from tests.oracle import Event
from tests.tables import differences, stored


class Bench:
    """A catalog, a database and a way to scan the one into the other."""

    def __init__(self, conn: db.Connection, settings: Settings, catalog: Catalog) -> None:
        self.conn = conn
        self.settings = settings
        self.catalog = catalog
        self.gauge = LocalGauge(8)
        self.wire = Wire(settings, transport=catalog, backoff=0.0)

    def close(self) -> None:
        self.wire.close()

    def open(self, root: int | None = None) -> scan.Opened | None:
        """Begin a scan; None when it is caught up at once."""
        run_id, reason = scan.open_run(self.conn, self.settings, "manual", None, root)
        assert run_id is not None, reason
        return scan.plan(self.conn, self.settings, self.wire, run_id)

    def read(self, run_id: int, url: str) -> page.Stored:
        return page.store_page(self.settings, self.wire, self.gauge, run_id, url)

    def finish(self, run_id: int) -> scan.Finished:
        return scan.finish(self.conn, self.settings, run_id)

    def scan(self, root: int | None = None) -> scan.Finished | None:
        """One scan from its opening to its end."""
        opened = self.open(root)
        if opened is None:
            return None
        for url in opened.pages:
            self.read(opened.run_id, url)
        return self.finish(opened.run_id)

    def chain(self) -> int:
        """Scan until nothing remains, as the callbacks do; how many scans it took."""
        root = None
        for number in range(1, 200):
            finished = self.scan(root)
            if finished is None:
                return number
            root = (self.run(finished.run_id)["root_id"]) if finished.more else None
        raise AssertionError("200 scans are not enough")

    def run(self, run_id: int) -> db.Row:
        found = self.conn.execute("SELECT * FROM ops.runs WHERE id = %s", (run_id,)).fetchone()
        assert found is not None
        return found

    def runs(self) -> list[db.Row]:
        return self.conn.execute("SELECT * FROM ops.runs ORDER BY id").fetchall()

    def watermark(self) -> int | None:
        row = self.conn.execute("SELECT watermark_ticks FROM ops.watermarks").fetchone()
        return row and row["watermark_ticks"]

    def silence(self) -> None:
        """Make a running run look as if its worker had died long ago."""
        self.conn.execute("UPDATE ops.runs SET heartbeat_at = now() - interval '1 hour' WHERE state = 'running'")

    def differences(self) -> list[Any]:
        return differences(self.conn, self.catalog.events)


@pytest.fixture
def bench(conn: db.Connection, database: str) -> Iterator[Bench]:
    made = Bench(conn, quick(database), Catalog())
    yield made
    made.close()


def crash_and_recover(bench: Bench, chance: random.Random) -> scan.Finished | None:
    """A scan in which pages come in any order, some twice, some never; then its worker is gone, or it is not."""
    root = None
    while True:
        passed = bench.watermark() or 0
        opened = bench.open(root)
        if opened is None:
            return None
        pages = opened.pages * chance.choice((1, 1, 2))
        chance.shuffle(pages)
        dies = chance.random() < 0.3
        for url in pages[: chance.randrange(len(pages) + 1)] if dies else pages:
            bench.read(opened.run_id, url)
            if chance.random() < 0.2:
                bench.finish(opened.run_id)
        if dies and bench.run(opened.run_id)["state"] == "running":
            bench.silence()
            freed = scan.free_lost(bench.conn, bench.settings)
            if not freed:
                bench.finish(opened.run_id)  # Only the callback was missing, and upkeep sends it again.
            root = None
            continue
        finished = bench.finish(opened.run_id)
        assert finished.state == "done"
        held_back(bench, passed)
        if not finished.more:
            return finished
        root = bench.run(opened.run_id)["root_id"] if chance.random() < 0.8 else None


def held_back(bench: Bench, passed: int) -> None:
    """Of every page whose stamp the watermark has passed since `passed`, all that the index told is stored."""
    mark = bench.watermark()
    assert mark is not None
    assert mark >= passed, "forward only"
    have, _ = stored(bench.conn)
    for where, told in bench.catalog.index.items():
        for event in bench.catalog.pages[where] if passed < told <= mark else ():
            row = have.get(event.key)
            assert event.commit > told or (row and row["commit_ticks"] >= event.commit), f"{event} is not stored"


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("overlap", ["hours", "seconds"])
def test_any_history_read_in_any_way_ends_in_the_oracles_tables(
    request: pytest.FixtureRequest, shared_database: str, overlap: str, part: int
) -> None:
    examples = max(5, request.config.getoption("--histories") // 8)
    catalog = Catalog()
    base = quick(shared_database, overlap=3600 if overlap == "hours" else 4)
    with db.connect(shared_database) as conn:
        bench = Bench(conn, base, catalog)

        @hypothesis_settings(max_examples=examples)
        @given(
            history=histories(CLOSE if overlap == "hours" else FAR),
            limit=st.integers(1, 5),
            stale=st.sampled_from(("never", "all", "some") if overlap == "hours" else ("never", "all")),
            seed=st.integers(0, 1000),
        )
        def one(history: History, limit: int, stale: str, seed: int) -> None:
            empty(conn)
            chance = random.Random(seed)
            catalog.__init__()  # type: ignore[misc]
            bench.settings = base.model_copy(update={"pages_per_scan": limit})
            for wave in history.waves:
                grow(catalog, wave[: len(wave) // 2])
                if catalog.pages and stale != "all":
                    old = [where for where in catalog.pages if stale == "some" and chance.random() < 0.4]
                    catalog.publish(old)
                later = [wave[len(wave) // 2 :]]

                def growing(path: str, later: list[Any] = later) -> None:
                    if path.startswith("/page") and later:
                        grow(catalog, later.pop())

                catalog.before = growing if chance.random() < 0.5 else lambda _path: None
                if stale == "some":  # What is shown late may be passed by then, and comes with the next newer page.
                    bench.chain()
                else:
                    crash_and_recover(bench, chance)
                catalog.before = lambda _path: None
                grow(catalog, later.pop() if later else [])
                if stale == "all":
                    catalog.publish()
            last = max(event.commit for event in catalog.events) - ZERO + 2 * SECOND
            catalog.add("last", details("Omega", "1.0.0", last))
            catalog.publish()
            crash_and_recover(bench, chance)
            assert bench.chain() == 1, "caught up is caught up"
            assert bench.watermark() == last + ZERO
            assert bench.differences() == []
            assert conn.execute("SELECT count(*) AS n FROM ops.runs WHERE state = 'running'").fetchone() == {"n": 0}

        try:
            one()
        finally:
            bench.close()


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


def gate_results(bench: Bench, name: str) -> dict[str, bool]:
    return {result.name: result.passed for result in gate.hold(bench.conn, bench.settings, name, None)}


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
    run_id, urls = replay.open_run(bench.conn, bench.settings, bench.wire, Wanted(rejected=True))
    for url in urls:
        page.store_page(bench.settings, bench.wire, LocalGauge(8), run_id, url)
    assert replay.finish(bench.conn, run_id)
    assert "stays blocked" in str(replay.unblock(bench.conn, bench.settings))
    assert [run["state"] for run in bench.runs() if run["id"] == blocked] == ["blocked"]
    assert bench.watermark() is None


def test_a_replay_asks_the_catalog_that_filled_the_database(bench: Bench) -> None:
    drift(bench, 3, 20)
    bench.scan()
    elsewhere = bench.settings.model_copy(update={"service_index_url": "https://api.nuget.org/v3/index.json"})
    run_id, urls = replay.open_run(bench.conn, elsewhere, bench.wire, Wanted(rejected=True))
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
    page.record_failure(bench.settings, opened.run_id, opened.pages[1], error.value, final=True)
    with pytest.raises(RunFailed, match=r"1 of 2 pages failed, first .*page1\.json"):
        bench.finish(opened.run_id)
    run = bench.run(opened.run_id)
    assert (run["state"], run["pages_done"], run["pages_failed"]) == ("failed", 1, 1)
    assert bench.watermark() is None
    bench.catalog.broken.clear()
    bench.chain()
    assert bench.differences() == []
    assert bench.catalog.asked[bench.catalog.path(details("A", "1.0.0", 0).url)] == 1, "what is stored is not fetched"


def test_a_page_or_index_that_breaks_its_shape_is_an_error_and_not_a_loss(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 0))
    bench.catalog.publish()
    bench.catalog.broken["/page0.json"] = lambda: httpx.Response(200, content=b'{"items": []}')
    opened = bench.open()
    assert opened is not None
    with pytest.raises(UpstreamChanged, match=r"page0\.json is not as promised"):
        bench.read(opened.run_id, opened.pages[0])
    assert scan.fail(bench.conn, opened.run_id, "why")
    bench.catalog.broken["/index.json"] = lambda: httpx.Response(200, content=b'{"items": [], "commitTimeStamp": 1.5}')
    with pytest.raises(UpstreamChanged):
        bench.open()


def test_a_second_scan_is_skipped_and_recorded(bench: Bench) -> None:
    first, _ = scan.open_run(bench.conn, bench.settings, "scheduled", "task-1", None)
    assert scan.open_run(bench.conn, bench.settings, "scheduled", "task-1", None) == (first, "resumed")
    second, reason = scan.open_run(bench.conn, bench.settings, "manual", "task-2", None)
    assert second is None
    assert reason.startswith(f"already_running: run {first} is in progress")
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
    assert scan.free_lost(bench.conn, bench.settings) == []
    assert bench.finish(opened.run_id).state == "done"


def test_a_run_that_was_not_planned_yet_cannot_be_finished(bench: Bench) -> None:
    run_id, _ = scan.open_run(bench.conn, bench.settings, "manual", None, None)
    assert run_id is not None
    assert bench.finish(run_id).state == "running"
    other, _ = ledger.begin(bench.conn, "spdx", "sync", "manual")
    assert other is not None
    assert bench.finish(other).state == "running"


def test_two_catalogs_never_share_a_database(bench: Bench) -> None:
    bench.catalog.publish()
    bench.open()
    bench.conn.execute("UPDATE ops.runs SET state = 'aborted', finished_at = now() WHERE state = 'running'")
    bench.conn.execute("UPDATE ops.catalog SET name = 'another'")
    with pytest.raises(CatalogMismatch, match="holds the catalog another and refuses"):
        bench.open()


# --- gates -----------------------------------------------------------------------------------------------------------


def test_nothing_is_classified_without_a_license_list(bench: Bench) -> None:
    with pytest.raises(GateFailed, match=r"spdx list is empty: run spdx\.sync first"):
        classify.classify(bench.conn, bench.settings)


def test_an_empty_catalog_closes_its_gate(bench: Bench) -> None:
    with pytest.raises(GateFailed, match="raw_nuget_packages_nonempty: packages stored: 0"):
        gate.hold(bench.conn, bench.settings, PACKAGES, None)
    with pytest.raises(GateFailed, match="raw_nuget_packages_nonempty"):
        classify.classify(bench.conn, bench.settings)


def test_too_few_approved_licenses_close_their_gate(bench: Bench) -> None:
    with pytest.raises(GateFailed, match=r"raw_spdx_licenses_osi_floor: 0 OSI-approved .*100"):
        gate.hold(bench.conn, bench.settings, LICENSES, None)
    with pytest.raises(GateFailed, match="raw_spdx_licenses_osi_floor"):
        classify.classify(bench.conn, bench.settings)


def test_warnings_are_recorded_and_stop_nothing(bench: Bench) -> None:
    assert gate_results(bench, VERDICTS) == {
        "enriched_nuget_package_oss_status_complete": True,
        "enriched_nuget_package_oss_status_fresh": False,
    }
    rows = bench.conn.execute("SELECT passed, blocking, message FROM ops.check_results ORDER BY id").fetchall()
    assert [(row["passed"], row["blocking"]) for row in rows] == [(True, False), (False, False)]
    assert "last success: never" in rows[1]["message"]
    assert gate.closed(bench.conn, bench.settings) == []
