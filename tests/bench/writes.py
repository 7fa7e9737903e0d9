"""Postgres alone: the transaction of a page, writers side by side, large tables, the classifier."""

import contextlib
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg

from pkgintel import database
from pkgintel.database import events
from pkgintel.nuget.documents import Event
from pkgintel.pipeline import classify, sync
from tests.bench import rivals
from tests.bench.plan import Plan
from tests.bench.report import Report
from tests.bench.world import World, license_list
from tests.support import bulk


def wal(conn: database.Connection) -> int:
    """Bytes of WAL written so far."""
    row = conn.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS at").fetchone() or {"at": 0}
    return int(row["at"])


@contextlib.contextmanager
def timed() -> Iterator[dict[str, list[float]]]:
    """The seconds of each statement of `sql/` by its name."""
    took: dict[str, list[float]] = defaultdict(list)
    real = database.run, database.one, database.every

    def around(what: Callable[..., Any]) -> Callable[..., Any]:
        def call(conn: database.Connection, name: str, /, **parameters: Any) -> Any:
            begun = time.perf_counter()
            try:
                return what(conn, name, **parameters)
            finally:
                took[name].append(time.perf_counter() - begun)

        return call

    database.run, database.one, database.every = (around(one) for one in real)
    try:
        yield took
    finally:
        database.run, database.one, database.every = real


def transaction(report: Report, plan: Plan, home: World, pages: Sequence[Sequence[Event]]) -> None:
    """The transaction of a page against COPY alone, page by page in turns."""
    settings = home.settings("http://127.0.0.1:9/v3.json")
    ratios, shares, rates, bytes_ = [], [], [], []
    with (
        database.connect(settings.database_url) as conn,
        psycopg.connect(settings.database_url, autocommit=True) as floor,
        timed() as took,
    ):
        for _ in range(plan.rounds):
            conn.execute("TRUNCATE raw.read_versions, raw.nuget_packages, raw.license_declarations")
            rivals.make_floor(floor)
            home.checkpoint()
            at = wal(conn)
            took.clear()
            ours, theirs = [], []
            for one in pages:
                begun = time.perf_counter()
                rivals.copy_page(floor, one)
                between = time.perf_counter()
                with conn.transaction():
                    events.write(conn, one)
                theirs.append(between - begun)
                ours.append(time.perf_counter() - between)
            both = wal(conn) - at
            ratios.append(statistics.median(t / o for t, o in zip(theirs, ours, strict=True)))
            rates.append(len(pages[0]) / statistics.median(ours))
            of_packages = ("events/add_packages", "events/lock_packages", "events/derive_packages")
            shares.append(sum(statistics.median(took[name]) for name in of_packages) / statistics.median(ours))
            size = conn.execute("SELECT pg_total_relation_size('floor') AS size").fetchone() or {"size": 0}
            bytes_.append((both - size["size"]) / sum(map(len, pages)))
        phases = ", ".join(
            f"{name.partition('/')[2]} {statistics.median(took[name]) * 1000:.1f}"
            for name in sorted(took, key=lambda name: -statistics.median(took[name]))
        )
        what = f"page transaction of {len(pages[0])} leaves against COPY alone"
        report.add("write", what, ratios, "×", target="≥ 0.62")
        report.add("write", "page transaction", rates, "leaves/s", f"ms: {phases}", show=True)
        report.add("write", "package rows: share of the page transaction", shares, target="≤ 0.10")
        size = conn.execute(
            "SELECT pg_total_relation_size('raw.read_versions') / count(*)::float8 AS version,"
            " pg_indexes_size('raw.read_versions') / count(*)::float8 AS indexes,"
            " pg_total_relation_size('raw.nuget_packages') / count(*)::float8 AS package FROM raw.read_versions"
        ).fetchone() or {}  # fmt: skip
        report.add("disk", "table per leaf", size["version"], "B", f"of it indexes {size['indexes']:.0f} B")
        report.add("disk", "package rows per leaf", size["package"], "B")
        report.add("disk", "WAL per leaf, about", bytes_, "B", "what the floor's table is large is taken off")
    home.drop(settings)


def writers(report: Report, home: World, pages: Sequence[Sequence[Event]]) -> None:
    """Four writers with overlapping packages: each page is cut into four that are written at once."""
    settings = home.settings("http://127.0.0.1:9/v3.json")
    deadlocks = 0

    def write(number: int) -> None:
        nonlocal deadlocks
        with database.connect(settings.database_url) as conn:
            for one in pages:
                while True:
                    try:
                        with conn.transaction():
                            events.write(conn, one[number::4])
                        break
                    except psycopg.errors.DeadlockDetected:
                        deadlocks += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.connect(settings.database_url) as conn:
        stale = conn.execute(
            """
            SELECT count(*) AS stale FROM raw.nuget_packages p
            LEFT JOIN LATERAL (SELECT version, declaration FROM raw.read_versions v
                               WHERE v.package_key = p.package_key AND v.deleted_at IS NULL
                               ORDER BY listed DESC, is_prerelease, sort_key DESC, version_key DESC
                               LIMIT 1) AS s ON true
            WHERE (p.latest_version, p.declaration) IS DISTINCT FROM (s.version, s.declaration)
            """
        ).fetchone() or {"stale": -1}
    report.add("writers", "4 writers on overlapping packages: deadlocks", deadlocks, target="0")
    report.add("writers", "… stale package rows", stale["stale"], target="0")
    home.drop(settings)


def growth(report: Report, plan: Plan, home: World, pages: Sequence[Sequence[Event]]) -> None:
    """A page into a large table against one into a table of 10,000 versions, in turns."""
    both = []
    for count in (10_000, plan.versions):
        settings = home.settings("http://127.0.0.1:9/v3.json")
        conn = database.connect(settings.database_url)
        bulk.fill(conn, count // 2, 2)
        both.append((settings, conn))
    home.checkpoint()
    ratios = []
    for number, one in enumerate(pages):
        took = []
        for _, conn in both:
            begun = time.perf_counter()
            with conn.transaction():
                events.write(conn, one)
            took.append(time.perf_counter() - begun)
        if number >= 2:
            ratios.append(took[1] / took[0])
    report.add("growth", f"page transaction at {plan.versions:,} versions against 10,000", ratios, "×", target="≤ 1.2")
    settings, conn = both[1]
    with conn.transaction(force_rollback=True):
        events._make_incoming(conn)
        conn.execute(
            "INSERT INTO pg_temp.incoming SELECT package_key, '1.0.0', package_id, '1.0.0', NULL, NULL, NULL, NULL,"
            " true, false, NULL, NULL, false, '', false, 1, package_key, '{}', NULL FROM raw.nuget_packages"
        )
        conn.execute("UPDATE raw.nuget_packages SET latest_version = 'x'")
        begun = time.perf_counter()
        count = database.run(conn, "events/derive_packages", whole=[])
        took_ = time.perf_counter() - begun
    report.add("growth", f"full rebuild of {count:,} package rows", took_, "s", target="≤ 4 for 500,000")
    for settings, conn in both:
        conn.close()
        home.drop(settings)


def classification(report: Report, plan: Plan, home: World) -> None:
    """The classifier on packages made by SQL."""
    settings = home.settings("http://127.0.0.1:9/v3.json")
    with database.connect(settings.database_url) as conn:
        bulk.fill(conn, plan.packages, 1)
        home.checkpoint()

        def look(expected: int | None = None) -> float:
            begun = time.perf_counter()
            done = classify.classify(conn, settings)
            took = time.perf_counter() - begun
            assert expected is None or done.decided == expected, done
            return took

        part, many = "classify", f"{plan.packages:,} packages"
        scale = "" if plan.packages == 500_000 else " for 500,000"
        report.add(part, f"{many}: first full", look(plan.packages), "s", target="≤ 3.5" + scale)
        conn.execute("VACUUM ANALYZE")
        took = []
        for _ in range(plan.rounds):
            conn.execute("UPDATE enriched.classification SET seen_before = '3'")
            took.append(look(0))
        report.add(part, f"{many}: nothing changed, all compared", took, "s", target="≤ 1.5" + scale)
        took, floor = [], []
        those = "package_key IN (SELECT 'bulk.package' || n * 3 FROM generate_series(1, 5000) AS n)"
        for number in range(plan.rounds + 2):
            with conn.transaction(force_rollback=True):
                begun = time.perf_counter()
                conn.execute(f"UPDATE enriched.nuget_package_oss_status SET judged_version = '2' WHERE {those}")  # noqa: S608
                floor.append(1000 * (time.perf_counter() - begun))
            conn.execute(
                "UPDATE raw.nuget_packages SET latest_version = %s, changed_xid = pg_current_xact_id()"  # noqa: S608
                f" WHERE {those}",
                (f"2.{number}.0",),
            )
            conn.execute("VACUUM raw.nuget_packages, enriched.nuget_package_oss_status")
            took.append(1000 * look(5000))
        report.add(part, f"{many}: 5,000 changed", took, "ms", target="≤ 50")
        report.add(part, "… against an UPDATE of those rows by their keys, alone",
                   [ours / theirs for ours, theirs in zip(took, floor, strict=True)], "×", show=True)  # fmt: skip
        report.add(part, f"{many}: no-op", [1000 * look(0) for _ in range(5)], "ms", target="≤ 10")
        found = license_list("2.0")
        begun = time.perf_counter()
        with conn.transaction():
            sync.rewrite(conn, found)
        report.add("SPDX", "rewrite of 700 licenses", 1000 * (time.perf_counter() - begun), "ms")
        report.add("SPDX", f"{many}: decided again by a new list", look(), "s")
    home.drop(settings)
