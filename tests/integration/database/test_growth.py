"""No statement of the hot paths grows with the tables: their plans on a large catalog use indexes, and stay quick.

`pytest tests/integration/database/test_growth.py --versions 1000000` looks at a large one; the plans are the same.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pkgintel import database
from pkgintel.database import events as store
from pkgintel.licenses import verdict
from pkgintel.local.services import Services
from pkgintel.nuget.documents import Event
from pkgintel.pipeline import checks, classify, sync
from pkgintel.settings import Settings
from tests.bench.world import license_list
from tests.support import bulk
from tests.support.classified import leaf
from tests.support.databases import fresh_database
from tests.support.patience import quick
from tests.support.waiting import until

LARGE = {
    "read_versions", "nuget_packages", "license_declarations", "nuget_package_oss_status", "declaration_verdicts",
    "run_pages", "runs", "check_results", "rejected_leaves",
}  # fmt: skip
EACH = 5


@pytest.fixture(scope="module")
def large(
    services: Services, template: str, request: pytest.FixtureRequest
) -> Iterator[tuple[database.Connection, Settings]]:
    """A database of many versions, all classified, with a long history of runs, pages, checks and rejects."""
    count = request.config.getoption("--versions")
    with fresh_database(services, template) as url, database.connect(url) as conn:
        bulk.fill(conn, count // EACH, EACH, urls=count // 50)
        with conn.transaction():
            sync.rewrite(conn, license_list("1.0"))
        classify.classify(conn, quick(url))
        conn.execute(
            """
            INSERT INTO ops.runs (source, kind, action, state, finished_at, settled_at, root_id, after_ticks,
                                  up_to_ticks, newest_ticks)
            SELECT (ARRAY['nuget', 'spdx', 'verdicts'])[1 + n % 3], 'manual',
                   (ARRAY['scan', 'sync', 'classify'])[1 + n % 3], 'done', now(), now(), n, n, n, n
            FROM generate_series(1, 20000) AS n;
            INSERT INTO ops.run_pages (run_id, page_url, state, finished_at)
            SELECT n, 'http://127.0.0.1:9/page' || p || '.json', 'done', now()
            FROM generate_series(1, 20000) AS n, generate_series(1, 3) AS p;
            INSERT INTO ops.check_results (name, gate, blocking, passed, message, run_id)
            SELECT 'check' || n % 9, 'gate', false, true, 'so it is', n % 20000 FROM generate_series(1, 50000) AS n;
            INSERT INTO ops.rejected_leaves (leaf_url, package_id, version, kind, commit_ticks, page_url, reason, error,
                                             run_id, resolved_at, resolution)
            SELECT 'http://127.0.0.1:9/reject' || n, 'A', '1.0.0', 'details', n, 'http://127.0.0.1:9/page1.json',
                   'schema', 'broken', 1, now(), 'replayed'
            FROM generate_series(1, 20000) AS n;
            ANALYZE
            """
        )
        # A transaction that another test has open on this server may hold back from when on packages count as changed.
        young = "SELECT FROM raw.nuget_packages WHERE changed_xid >= pg_snapshot_xmin(pg_current_snapshot()) LIMIT 1"
        until(lambda: conn.execute(young).fetchone() is None, "all packages are older than any transaction", 120)
        yield conn, quick(url)


def page(count: int, packages: int) -> list[Event]:
    """A page of new versions of known and new packages."""
    step = max(1, packages // count)
    return [leaf(f"Bulk.Package{1 + n * step + n % 2 * packages}", "9.0.0", commit=10**9 + n) for n in range(count)]


def scans(conn: database.Connection, statement: str, parameters: dict[str, Any], analyze: bool = False) -> set[str]:
    """The large tables that the plan of a statement reads from end to end.

    With `analyze` the statement is carried out, and taken back: a table of which it reads a row at most does not count.
    """
    words = "EXPLAIN (FORMAT JSON, ANALYZE) " if analyze else "EXPLAIN (FORMAT JSON) "
    with conn.transaction(force_rollback=True):
        row = conn.execute(words.encode() + database.sql(statement), parameters).fetchone()
    found: set[str] = set()

    def look(node: dict[str, Any]) -> None:
        rows = (node.get("Actual Rows", EACH) + node.get("Rows Removed by Filter", 0)) * node.get("Actual Loops", 1)
        if node["Node Type"] == "Seq Scan" and node.get("Relation Name") in LARGE and rows > 1:
            found.add(node["Relation Name"])
        for part in node.get("Plans", []):
            look(part)

    assert row is not None
    look(row["QUERY PLAN"][0]["Plan"])
    return found


UNPLANNED = {"events/incoming", "events/compress_incoming", "known/touched_table", "known/turn_to_derive"}


@contextmanager
def explained() -> Iterator[list[str]]:
    """The names of the statements carried out meanwhile; none may plan to read a large table from end to end."""
    seen: list[str] = []

    def looked_at(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(conn: database.Connection, name: str, /, **parameters: Any) -> Any:
            if name not in UNPLANNED:
                assert not scans(conn, name, parameters), name
                seen.append(name)
            return real(conn, name, **parameters)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for door in ("run", "one", "the"):
            patch.setattr(database, door, looked_at(getattr(database, door)))
        yield seen


def test_the_page_transaction_reads_no_table_whole(large: tuple[database.Connection, Settings], request: Any) -> None:
    conn, _ = large
    events = page(550, request.config.getoption("--versions") // EACH)
    with explained() as seen, conn.transaction(force_rollback=True):
        store.write(conn, events)
    steps = ("add_packages", "lock_packages", "upsert_details", "derive_packages", "resolve_leaves")
    assert {f"events/{step}" for step in steps} <= set(seen)


def test_reading_what_is_unread_reads_no_table_whole(large: tuple[database.Connection, Settings], request: Any) -> None:
    conn, _ = large
    packages = request.config.getoption("--versions") // EACH
    events = page(500, packages)
    with pytest.MonkeyPatch.context() as patch, conn.transaction(force_rollback=True):
        patch.setattr(sys.modules[__name__], "LARGE", LARGE | {"unread_packages"})
        conn.execute(
            "INSERT INTO raw.unread_packages SELECT package_key FROM raw.nuget_packages; ANALYZE raw.unread_packages"
        )
        with explained() as seen:
            store.write_among_unread(conn, events, packages=sorted({event.package_key for event in events}))
    assert {"known/touch", "known/lock_rows", "known/derive_packages"} <= set(seen)


def test_asking_what_is_unknown_reads_no_table_whole(large: tuple[database.Connection, Settings]) -> None:
    conn, _ = large
    for count in (10, 550, 2750):
        parameters = {
            "package_keys": [f"bulk.package{n}" for n in range(count)],
            "version_keys": ["1.0.0"] * count,
            "deletes": [False] * count,
            "ticks": list(range(count)),
            "urls": [f"http://127.0.0.1:9/{n}.json" for n in range(count)],
            "watermark": 0,
        }
        if count < 2750:  # So large a page may be cheaper to join with the whole of a small table.
            assert scans(conn, "events/unknown_items", parameters) <= {"rejected_leaves", "unread_versions"}
        assert "read_versions" not in scans(conn, "events/unknown_items", parameters)


@pytest.mark.parametrize("count", [0, 500, 5000])
def test_a_classification_looks_only_at_what_changed(large: tuple[database.Connection, Settings], count: int) -> None:
    conn, settings = large
    state = database.one(conn, "verdicts/state") or {}
    with conn.transaction(force_rollback=True):
        conn.execute(
            "UPDATE raw.nuget_packages SET latest_version = '2.0.0', changed_xid = pg_current_xact_id()"
            " WHERE package_key IN (SELECT 'bulk.package' || n FROM generate_series(1, %s::int) AS n)",
            (count,),
        )
        parameters = {
            "since": state["horizon"],
            "list_version": "1.0",
            "ruleset": verdict.RULESET,
            "policy": settings.license_policy,
        }
        assert not scans(conn, "verdicts/apply", parameters) & {"nuget_packages", "nuget_package_oss_status"}
        assert not scans(conn, "verdicts/remove_deleted", parameters) & {"nuget_packages", "nuget_package_oss_status"}
        for since in (state["horizon"], "0"):  # A plan that is kept for both must not read the table either.
            assert not scans(conn, "verdicts/any_touched", {"since": since}) & {"nuget_packages"}
        asked = {"since": state["horizon"], "basis": state["basis"], "most": classify.BATCH + 1}
        assert not scans(conn, "verdicts/unjudged_declarations", asked, analyze=True) & {"declaration_verdicts"}
        parameters |= {"besides": [], "varied": [f"bulk.package{n}" for n in range(count)]}
        for step in ("varied", "forget_uniform", "relicensed", "forget", "keep", "last_open"):
            if count < 500:  # So many may be cheaper to join with the whole of a small table.
                assert not scans(conn, f"relicensing/{step}", parameters) & LARGE, step
            database.run(conn, f"relicensing/{step}", **parameters)
        conn.execute("ANALYZE pg_temp.relicensed")


@pytest.mark.parametrize("gate", checks.GATES)
def test_a_gate_reads_no_large_table_whole(large: tuple[database.Connection, Settings], gate: str) -> None:
    conn, settings = large
    for check in checks.of_gate(gate, settings):
        parameters = {"source": checks.SOURCES[gate]} if check.statement == "age" else {}
        assert scans(conn, f"checks/{check.statement}", parameters, analyze=True) <= {"runs"}, check.statement


def test_gate_and_classification_take_no_longer_when_nothing_is_pending(
    large: tuple[database.Connection, Settings],
) -> None:
    conn, settings = large
    classify.classify(conn, settings)
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        assert classify.classify(conn, settings).idle
        took.append(time.perf_counter() - begun)
    # Ten milliseconds on a quiet machine; a look at every package would take far longer at the large size.
    assert statistics.median(took) < 0.25


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("reports/status/lag", {}),
        ("reports/status/last_runs", {"most": 5}),
        ("reports/status/outcomes", {"sources": ["nuget", "spdx", "verdicts"]}),
        ("reports/status/rejected", {"most": 5}),
        ("reports/status/running", {}),
        ("reports/status/upkeep", {"check": "check1"}),
        ("checks/latest", {"names": ["check1", "check2"]}),
        ("events/open_rejects", {"ticks": 7, "url": "", "most": 100}),
        ("events/resolve_superseded", {"urls": ["u"], "package_keys": ["a"], "version_keys": ["1.0.0"]}),
        ("sequels/held_back", {"at_once": True, "after": 120}),
        ("pages/left", {"run_id": 7}),
        ("heartbeats/lost", {"lost_after": 120, "callback_after": 15}),
        ("pages/start", {"run_id": 7, "page_url": "http://127.0.0.1:9/page1.json", "every": 5}),
    ],
)
def test_status_and_the_book_of_runs_read_no_table_whole(
    large: tuple[database.Connection, Settings], statement: str, parameters: dict[str, Any]
) -> None:
    conn, _ = large
    assert not scans(conn, statement, parameters, analyze=True)


SCREEN = 1_000  # Rows of large tables that one statement of a screen may look at.
ANY = {"id": None, "before": None, "source": None, "action": None, "state": None, "most": 50}


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("checks/latest", {"names": ["check1", "never measured"]}),
        ("reports/history/checks", {"names": ["check1", "never measured"], "most": 48}),
        ("reports/history/volumes", {"most": 60}),
        ("reports/runs/phases", {"id": 7}),
        ("reports/runs/run_checks", {"id": 7}),
        ("reports/runs/run_triggered", {"id": 20_000}),
        ("reports/runs/runs", ANY),
        ("reports/runs/runs", {**ANY, "id": 7}),
        ("reports/runs/runs", {**ANY, "before": 777, "source": "nuget"}),
        ("reports/runs/runs", {**ANY, "source": "texts"}),
        ("reports/runs/runs", {**ANY, "action": "fetch"}),
        ("reports/runs/runs", {**ANY, "action": "fetch", "source": "nuget"}),
        ("reports/runs/runs", {**ANY, "action": "replay", "state": "lost"}),
        ("reports/status/outcomes", {"sources": ["nuget", "spdx", "verdicts", "texts"]}),
        ("reports/status/upkeep", {"check": "never measured"}),
        ("reports/status/verdict_history", {"most": 300}),
        ("runs/finished_by", {"id": 20_001}),
    ],
)
def test_a_screen_looks_at_few_rows_also_for_what_there_is_none_of(
    large: tuple[database.Connection, Settings], statement: str, parameters: dict[str, Any]
) -> None:
    conn, _ = large
    with conn.transaction(force_rollback=True):
        conn.execute(
            "INSERT INTO ops.runs (id, source, kind, action, state, error, finished_at) OVERRIDING SYSTEM VALUE"
            " VALUES (20001, 'nuget', 'manual', 'scan', 'failed', '1 of 3 pages failed', now())"
        )
        row = conn.execute(b"EXPLAIN (FORMAT JSON, ANALYZE) " + database.sql(statement), parameters).fetchone()
    assert row is not None
    assert looked_at(row["QUERY PLAN"][0]["Plan"]) < SCREEN


def looked_at(node: dict[str, Any]) -> float:
    """How many rows of large tables a plan that was carried out has looked at."""
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    mine = (node["Actual Rows"] + removed) * node["Actual Loops"] if node.get("Relation Name") in LARGE else 0
    return float(mine) + sum(looked_at(part) for part in node.get("Plans", []))
