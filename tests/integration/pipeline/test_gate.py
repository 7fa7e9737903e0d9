"""The gates without Celery: when their checks are measured, what they close, and what opens them again."""

import pytest

from pkgintel.errors import GateFailed, SettingsError
from pkgintel.pipeline import classify, gate, replay, runs
from pkgintel.pipeline.checks import GATES, LICENSES, PACKAGES, VERDICTS, WATERMARK_CHECK
from pkgintel.pipeline.states import Action, Kind, Source, State
from tests.support.catalogs import ZERO, delete, details
from tests.support.histories import SECOND
from tests.support.patience import quick
from tests.support.scans import Bench, gate_results
from tests.support.stored import take


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


@pytest.mark.parametrize("asset", GATES)
def test_no_check_passes_where_nothing_is_stored(bench: Bench, asset: str) -> None:
    passed = {result.name for result in gate.measure(bench.conn, bench.settings, asset) if result.passed}
    assert passed <= {WATERMARK_CHECK}, "that one says that there is none"


def test_a_scan_that_is_caught_up_measures_the_gate_and_is_blocked_by_an_emptied_table(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 0))
    bench.catalog.publish()
    bench.scan()
    bench.conn.execute("DELETE FROM raw.nuget_packages")
    with pytest.raises(GateFailed, match="raw_nuget_packages_nonempty: packages stored: 0"):
        bench.scan()
    run = bench.runs()[-1]
    assert (run["state"], run["settled_at"] is not None) == ("blocked", True)
    assert gate.closed(bench.conn, bench.settings) != []
    assert replay.unblock(bench.conn, bench.settings) == f"run {run['id']} stays blocked, for its gate is closed"
    replay.rederive(bench.conn, None, lambda _: None)
    assert gate.reopened(bench.conn, bench.settings) == ["raw_nuget_packages_nonempty"]
    assert replay.unblock(bench.conn, bench.settings) == f"run {run['id']}, which was blocked, is caught_up"
    assert bench.scan() is None


def test_a_classification_measures_the_gates_before_it_begins(bench: Bench) -> None:
    settings, conn = bench.settings, bench.conn
    take(conn, details("A", "1.0.0", 0))
    conn.execute(
        """INSERT INTO raw.spdx_licenses (license_id, name, is_osi_approved, is_deprecated, list_version, raw)
           SELECT 'OSI-' || n, 'OSI', true, false, '1', '{}' FROM generate_series(1, 100) n"""
    )
    for name in (PACKAGES, LICENSES):
        gate.hold(conn, settings, name, None)
    classify.perform(bench.db, conn, settings)
    conn.execute("DELETE FROM raw.spdx_licenses WHERE license_id = 'OSI-1'")
    for _ in range(2):
        with pytest.raises(GateFailed, match="raw_spdx_licenses_osi_floor: 99 "):
            classify.perform(bench.db, conn, settings)
    assert bench.runs()[-1]["state"] == "blocked"
    found = "SELECT value, passed FROM ops.check_results WHERE name = 'raw_spdx_licenses_osi_floor' ORDER BY id"
    assert [tuple(row.values()) for row in conn.execute(found)] == [(100, True), (99, False)], "recorded once"


def test_a_classification_is_of_the_kind_of_what_caused_it(bench: Bench) -> None:
    cause = runs.open_run(bench.conn, Source.NUGET, Action.SCAN, Kind.SCHEDULED)
    for cause_id, kind in ((cause, Kind.SCHEDULED), (None, Kind.MANUAL)):
        with pytest.raises(GateFailed):
            classify.perform(bench.db, bench.conn, bench.settings, cause_id=cause_id)
        assert bench.runs()[-1]["kind"] == kind


def test_a_start_behind_the_newest_commit_is_refused(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 5))
    bench.catalog.publish()
    bench.settings = quick(bench.settings.database_url, since=ZERO + 6)
    with pytest.raises(SettingsError, match=r"PKGINTEL_SINCE .* is 2024-05-01T00:00:00.0000006Z, and the newest"):
        bench.scan()
    runs.end(bench.conn, bench.runs()[-1]["id"], State.FAILED)
    bench.settings = quick(bench.settings.database_url, since=ZERO + 4)
    assert bench.scan() is not None


def test_warnings_are_recorded_and_stop_nothing(bench: Bench) -> None:
    assert gate_results(bench, VERDICTS) == {
        "enriched_nuget_package_oss_status_complete": False,
        "enriched_nuget_package_oss_status_fresh": False,
    }
    take(bench.conn, delete("A", "1.0.0", 1))
    assert gate_results(bench, VERDICTS)["enriched_nuget_package_oss_status_complete"], "it needs no verdict"
    rows = bench.conn.execute("SELECT passed, blocking, message FROM ops.check_results ORDER BY id").fetchall()
    assert [(row["passed"], row["blocking"]) for row in rows] == [(False, False)] * 2 + [(True, False), (False, False)]
    assert "last success: never" in rows[1]["message"]
    assert gate.closed(bench.conn, bench.settings) == []


@pytest.mark.parametrize("grows", [False, True])
def test_a_scan_goes_on_when_a_blocked_one_moves_the_watermark_beside_it(bench: Bench, grows: bool) -> None:
    bench.settings = bench.settings.model_copy(update={"pages_per_scan": 2, "overlap": 0})
    events = [details(f"P{number}", "1.0.0", number * SECOND) for number in range(12)]
    bench.catalog.add("page0", *events[:10])
    for event in events[:10]:
        bench.catalog.break_leaf(event, 200, b"{}")
    bench.catalog.publish()
    with pytest.raises(GateFailed):
        bench.scan()
    blocked = bench.runs()[-1]["id"]
    bench.catalog.broken.clear()
    if grows:
        bench.catalog.add("page1", events[10])
        bench.catalog.add("page2", events[11])
        bench.catalog.publish()
    opened = bench.open()
    assert opened is not None
    bench.conn.execute("UPDATE ops.rejected_leaves SET resolved_at = now(), resolution = 'replayed'")
    assert "the watermark moved" in str(replay.unblock(bench.conn, bench.settings))
    assert bench.run(blocked)["state"] == "done"
    assert bench.watermark() == ZERO + 9 * SECOND
    for url in opened.pages:
        bench.read(opened.run_id, url)
    ended = bench.finish(opened.run_id)
    assert (ended.state, ended.more) == ("done", grows), "it read all that the watermark passed, and more"
    bench.chain()
    assert bench.watermark() == ZERO + (11 if grows else 9) * SECOND
