"""How fast pkgintel is, measured on this machine, offline: `make bench`, `make bench ARGS=--quick`, `ARGS=--full`.

A catalog is made up and served with a chosen latency by processes of its own; embedded Postgres and Valkey and real
Celery workers run in a temporary home. Whatever is compared is measured in turns, round after round, and printed as the
median of the rounds' ratios with the least and the greatest. Rates depend on the machine; ratios less so.
The table and the plot are written to `bench-results/`.
"""

import argparse
import contextlib
import html
import json
import os
import platform
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg

from pkgintel import classify, db, deployment, fleet, licenses, page, store, wire
from pkgintel import scan as scans
from pkgintel.catalog import Event, Item
from tests import bench_rivals as rivals
from tests import bulk
from tests.bench_catalog import BASE, BenchCatalog, BenchLeaf, BenchServer, make
from tests.bench_world import ROOT, Workers, World, license_list, world

RESULTS = ROOT / "bench-results"
LATENCY = 0.03


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int
    small_pages: int  # Of 550 items.
    large_pages: int  # Of 2,750 items.
    packages: int  # To classify.
    versions: int  # In the large table.
    scan_pages: int  # Of the scan whose Redis and overhead are measured.
    end_to_end: tuple[tuple[str, float, int, int, int], ...]  # Catalog, latency, processes, in flight, pages.
    plain: tuple[int, ...]  # In flight.
    dlt: bool = False


QUICK = Plan(1, 6, 4, 20_000, 20_000, 40, (("small", 0.0, 2, 64, 6), ("large", LATENCY, 4, 64, 4)), (16,))
DEFAULT = Plan(
    3, 12, 8, 100_000, 100_000, 200,
    (
        ("small", 0.0, 1, 64, 6), ("small", 0.0, 2, 64, 12), ("small", 0.0, 4, 64, 12), ("small", LATENCY, 4, 64, 12),
        ("large", LATENCY, 4, 20, 4), ("large", LATENCY, 4, 64, 4), ("large", LATENCY, 4, 128, 8),
    ),
    (16, 50),
)  # fmt: skip
FULL = Plan(
    5, 40, 16, 500_000, 1_000_000, 2_000,
    tuple(
        (name, latency, processes, in_flight, 40 if name == "small" else 16)
        for name in ("small", "large") for latency in (0.0, LATENCY) for processes in (1, 2, 4)
        for in_flight in ((64,) if latency == 0 else (20, 64, 128))
    ),
    (16, 20, 50, 64), dlt=True,
)  # fmt: skip


@dataclass
class Row:
    """One line of the table."""

    part: str
    what: str
    values: list[float]
    unit: str
    note: str = ""
    target: str = ""

    def shown(self) -> str:
        """The median, and the spread where there were several rounds."""
        if not self.values:
            return "-"
        low, middle, high = min(self.values), statistics.median(self.values), max(self.values)
        text = f"**{_number(middle)}** {self.unit}".rstrip()
        return text if len(self.values) == 1 else f"{text} ({_number(low)} - {_number(high)})"


@dataclass
class Report:
    """The lines so far; each is printed as soon as it is known."""

    rows: list[Row] = field(default_factory=list)

    def add(
        self, part: str, what: str, values: Sequence[float] | float, unit: str = "", note: str = "", target: str = ""
    ) -> None:
        """One more line."""
        row = Row(part, what, [values] if isinstance(values, int | float) else list(values), unit, note, target)
        self.rows.append(row)
        print(f"{part:12} {what:58} {row.shown()} {'[' + target + ']' if target else ''} {note}", flush=True)

    def markdown(self, title: str) -> str:
        """All of it."""
        lines = [title, "", "| part | what | median (least - greatest) | target | note |", "|---|---|---|---|---|"]
        lines += [f"| {row.part} | {row.what} | {row.shown()} | {row.target} | {row.note} |" for row in self.rows]
        return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


class Ratios:
    """Rates by name, round by round, so that two can be divided within each round."""

    def __init__(self) -> None:
        self.rates: dict[Any, list[float]] = defaultdict(list)

    def of(self, one: Any, other: Any) -> list[float]:
        """`one` divided by `other` in each round."""
        return [mine / theirs for mine, theirs in zip(self.rates[one], self.rates[other], strict=False)]


# The journey through Celery


def end_to_end(
    report: Report, plan: Plan, home: World, server: BenchServer, catalogs: dict[str, BenchCatalog]
) -> Ratios:
    """First loads, in turns with the floor, the plain design and dlt."""
    found, reading, memory, peaks = Ratios(), Ratios(), {}, []
    small = catalogs["small"]
    held = [small.events(one) for one in small.pages]
    rival = home.settings("http://127.0.0.1:9/v3.json").database_url or ""
    python = rivals.dlt_python(home.home) if plan.dlt else None
    fleets = {}
    for name, latency, processes, in_flight, pages in plan.end_to_end:
        address = f"{server.origin(latency)}/{name}/v3.json"
        workers = Workers(home.settings(address, max_in_flight=in_flight), processes)
        fleets[name, latency, processes, in_flight, pages] = workers
    with psycopg.connect(rival, autocommit=True) as floor:
        rivals.make_floor(floor)
        try:
            for workers in fleets.values():
                workers.scan(pages=1)
            for _ in range(plan.rounds):
                for key, workers in fleets.items():
                    run = workers.scan(pages=key[4])
                    found.rates[key].append(run["leaves"] / run["seconds"])
                    reading.rates[key].append(run["leaves"] / run["reading"])
                paths = [leaf.path for one in small.pages for leaf in one]
                begun = time.perf_counter()
                rivals.fetch(server.origin(0.0), paths, 64)
                for one in held:
                    rivals.copy_page(floor, one)
                found.rates["floor"].append(len(paths) / (time.perf_counter() - begun))
                floor.execute("TRUNCATE floor")
                begun = time.perf_counter()
                rivals.fetch(server.origin(LATENCY), paths[:1100], 64)
                found.rates["floor wire"].append(1100 / (time.perf_counter() - begun))
                for in_flight in plan.plain:
                    pages_ = [(f"/small/page{n}.json", small.pages[n]) for n in range(2 if plan.rounds < 5 else 4)]
                    took = rivals.plain(rival, server.origin(0.0), pages_, in_flight)
                    found.rates["plain", in_flight].append(550 * len(pages_) / took)
                if python is not None:
                    names = [f"/small/page{n}.json" for n in range(min(8, len(small.pages)))]
                    for latency in (0.0, LATENCY):
                        took_ = rivals.dlt(python, home.home, rival, server.origin(latency), names, 64)
                        if took_:
                            found.rates["dlt", latency].append(550 * len(names) / took_)
                    took_ = rivals.dlt(python, home.home, rival, server.origin(0.0), names, 64, load_only=True)
                    if took_:
                        found.rates["dlt load"].append(550 * len(names) / took_)
                        found.rates["load"].append(_load(home, held[: len(names)]))
            for key, workers in fleets.items():
                memory[key] = max(workers.memory())
                peaks.append(workers.redis_peak())
        finally:
            for workers in fleets.values():
                workers.stop()
    best = max(plan.plain, key=lambda one: statistics.median(found.rates["plain", one]))
    part = "first load"
    for in_flight in plan.plain:
        report.add(part, f"plain design, {in_flight} in flight, 0 ms", found.rates["plain", in_flight], "leaves/s")
    report.add(part, "floor: bare sockets, then COPY, one after the other", found.rates["floor"], "leaves/s")
    wire_limit = 64 / LATENCY
    report.add(
        part,
        f"floor: bare sockets, 64 in flight, {LATENCY * 1000:.0f} ms, of in flight ÷ latency",
        [rate / wire_limit for rate in found.rates["floor wire"]],
        note="what this machine leaves of the limit",
    )
    for key in plan.end_to_end:
        name, latency, processes, in_flight, _ = key
        items = len(catalogs[name].pages[0])
        what = f"{processes} processes, {in_flight} in flight, {latency * 1000:.0f} ms, pages of {items:,}"
        report.add(part, what, found.rates[key], "leaves/s")
        if latency:
            target = {20: "≥ 0.98", 64: "≥ 0.95", 128: "≥ 0.80"}[in_flight] if name == "large" else ""
            limit = in_flight / latency
            report.add(part, "… of in flight ÷ latency, while pages are read",
                       [rate / limit for rate in reading.rates[key]], target=target)  # fmt: skip
        else:
            target = "≥ 7" if processes == 2 and name == "small" else ""
            report.add(part, f"… against the plain design at its better setting ({best})",
                       found.of(key, ("plain", best)), "×", target=target)  # fmt: skip
            report.add(part, "… against the floor", found.of(key, "floor"), "×")
    if plan.dlt:
        for latency in (0.0, LATENCY):
            wanted = ("small", latency, 4 if latency else 2, 64)
            key = next((one for one in plan.end_to_end if one[:4] == wanted), None)
            if found.rates["dlt", latency] and key:
                report.add("dlt", f"end to end against dlt, {latency * 1000:.0f} ms",
                           found.of(key, ("dlt", latency)), "×", target="≥ 6" if latency else "≥ 8")  # fmt: skip
        if found.rates["dlt load"]:
            report.add("dlt", "load alone against dlt: the page transactions, in one process",
                       found.of("load", "dlt load"), "×", target="≥ 5")  # fmt: skip
        if python is None:
            report.add("dlt", "dlt cannot be installed here, so it is not measured", [])
    report.add("memory", "largest worker process", max(memory.values()), "MB", target="≤ 110")
    rates = [statistics.median(found.rates[key]) for key in plan.end_to_end if key[1] and key[3] == 64]
    if rates:
        for millions in (12, 21):
            report.add("projection", f"{millions} million leaves at {LATENCY * 1000:.0f} ms, 64 in flight",
                       millions * 1e6 / max(rates) / 3600, "h")  # fmt: skip
    return found


def _load(home: World, pages: Sequence[Sequence[Event]]) -> float:
    """Leaves a second of the page transactions alone, into empty tables."""
    settings = home.settings("http://127.0.0.1:9/v3.json")
    with db.connect(settings.database_url or "") as conn:
        begun = time.perf_counter()
        for one in pages:
            with conn.transaction():
                store.write(conn, one)
        took = time.perf_counter() - begun
    home.drop(settings)
    return sum(map(len, pages)) / took


def overhead(report: Report, plan: Plan, home: World) -> None:
    """A scan of many pages with one item each: what a page costs beside its leaves, and what Valkey holds of it."""
    tiny = make(plan.scan_pages, 1, "tiny", seed=3)
    server = BenchServer([tiny], [0.0], processes=1)
    workers = Workers(home.settings(f"{server.origin(0.0)}/tiny/v3.json", pages_per_scan=5000), 2)
    try:
        workers.scan(pages=2)
        before = workers.redis_reset()
        first = workers.memory()
        run = workers.scan()
        rounds = [workers.idle_pages(100) for _ in range(3)]
        report.add("page", "orchestration: a page task that finds nothing to do, with its lease, 2 processes",
                   [1000 * one for one in rounds], "ms", target="≤ 10")  # fmt: skip
        report.add("page", f"a page of one leaf, 2 processes ({plan.scan_pages} pages)",
                   1000 * run["reading"] / plan.scan_pages, "ms")  # fmt: skip
        report.add("Redis", f"peak of a scan of {plan.scan_pages} pages", workers.redis_peak(), "MB",
                   f"{before:.3g} MB before", "≤ 20")  # fmt: skip
        report.add("memory", f"growth of a worker process over {plan.scan_pages} pages",
                   [100 * (after / then - 1) for then, after in zip(first, workers.memory(), strict=False)], "%",
                   target="≤ 5")  # fmt: skip
    finally:
        workers.stop()
        server.stop()


def replay(report: Report, plan: Plan, home: World, server: BenchServer, held: BenchCatalog) -> None:
    """Pages that are stored already, read again in this process: what a page task does, without Celery."""
    settings = home.settings(f"{server.origin(0.0)}/{held.name}/v3.json")
    pages = held.pages[:4]
    count = sum(map(len, pages))
    deployment.use(settings)
    line = wire.wire(settings)
    limit = fleet.Fleet(settings.redis_url or "", settings.max_in_flight)
    with db.connect(settings.database_url or "") as conn:
        rates, wal = [], []
        for attempt in range(plan.rounds + 1):
            conn.execute("DELETE FROM ops.watermarks; DELETE FROM ops.runs")
            run_id, _ = scans.open_run(conn, settings, "manual")
            assert run_id is not None
            with limit.gauge(line, settings.service_index_url) as gauge:
                opened = scans.plan(conn, settings, line, run_id, len(pages), gauge)
            assert opened is not None
            asked, at = server.leaf_requests(), _wal(conn)
            begun = time.perf_counter()
            for url in opened.pages:
                with limit.gauge(line, url) as gauge:
                    page.store_page(settings, line, gauge, run_id, url)
            took = time.perf_counter() - begun
            if attempt:
                rates.append(count / took)
                wal.append((_wal(conn) - at) / count)
                gets = server.leaf_requests() - asked
        report.add("replay", "leaf GETs for stored pages", gets, target="0")
        report.add("replay", "WAL", wal, "B/item", "with the page's own row and the run's heartbeat", "≤ 5")
        what = f"pages of {len(pages[0]):,}, one process, all that a page task does"
        report.add("replay", what, rates, "items/s", target="≥ 50,000")
        ours = []
        for one in pages:
            items = _items(one)
            begun = time.perf_counter()
            assert len(store.unknown(conn, items, 0)) == len(items)  # Stored under another address, so all are asked.
            ours.append(len(items) / (time.perf_counter() - begun))
        report.add("replay", "… the question to Postgres alone", ours, "items/s")
    wire.close()


def _items(lines: Sequence[BenchLeaf]) -> list[Item]:
    return [
        Item.model_construct(
            url=f"{BASE}{one.path}",
            kind="details",
            commit=one.commit + 1,
            package_id=one.package_id,
            version=one.version,
        )
        for one in lines
    ]


def _wal(conn: db.Connection) -> int:
    row = conn.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS at").fetchone() or {"at": 0}
    return int(row["at"])


# Postgres alone


@contextlib.contextmanager
def timed() -> Iterator[dict[str, list[float]]]:
    """The seconds of each statement of `sql/` by its name."""
    took: dict[str, list[float]] = defaultdict(list)
    real = db.run, db.one, db.every

    def around(what: Callable[..., Any]) -> Callable[..., Any]:
        def call(conn: db.Connection, name: str, /, **parameters: Any) -> Any:
            begun = time.perf_counter()
            try:
                return what(conn, name, **parameters)
            finally:
                took[name].append(time.perf_counter() - begun)

        return call

    db.run, db.one, db.every = (around(one) for one in real)
    try:
        yield took
    finally:
        db.run, db.one, db.every = real


def transaction(report: Report, plan: Plan, home: World, pages: Sequence[Sequence[Event]]) -> None:
    """The transaction of a page against COPY alone, page by page in turns."""
    settings = home.settings("http://127.0.0.1:9/v3.json")
    ratios, shares, rates, bytes_ = [], [], [], []
    with (
        db.connect(settings.database_url or "") as conn,
        psycopg.connect(settings.database_url or "", autocommit=True) as floor,
        timed() as took,
    ):
        for _ in range(plan.rounds):
            conn.execute("TRUNCATE raw.nuget_versions, raw.nuget_packages, raw.license_declarations")
            rivals.make_floor(floor)
            home.checkpoint()
            at = _wal(conn)
            took.clear()
            ours, theirs = [], []
            for one in pages:
                begun = time.perf_counter()
                rivals.copy_page(floor, one)
                between = time.perf_counter()
                with conn.transaction():
                    store.write(conn, one)
                theirs.append(between - begun)
                ours.append(time.perf_counter() - between)
            both = _wal(conn) - at
            ratios.append(statistics.median(t / o for t, o in zip(theirs, ours, strict=True)))
            rates.append(len(pages[0]) / statistics.median(ours))
            of_packages = ("catalog/add_packages", "catalog/lock_packages", "catalog/derive_packages")
            shares.append(sum(statistics.median(took[name]) for name in of_packages) / statistics.median(ours))
            size = conn.execute("SELECT pg_total_relation_size('floor') AS size").fetchone() or {"size": 0}
            bytes_.append((both - size["size"]) / sum(map(len, pages)))
        phases = ", ".join(
            f"{name.partition('/')[2]} {statistics.median(took[name]) * 1000:.1f}"
            for name in sorted(took, key=lambda name: -statistics.median(took[name]))
        )
        what = f"page transaction of {len(pages[0])} leaves against COPY alone"
        report.add("write", what, ratios, "×", target="≥ 0.62")
        report.add("write", "page transaction", rates, "leaves/s", f"ms: {phases}")
        report.add("write", "package rows: share of the page transaction", shares, target="≤ 0.10")
        size = conn.execute(
            "SELECT pg_total_relation_size('raw.nuget_versions') / count(*)::float8 AS version,"
            " pg_indexes_size('raw.nuget_versions') / count(*)::float8 AS indexes,"
            " pg_total_relation_size('raw.nuget_packages') / count(*)::float8 AS package FROM raw.nuget_versions"
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
        with db.connect(settings.database_url or "") as conn:
            for one in pages:
                while True:
                    try:
                        with conn.transaction():
                            store.write(conn, one[number::4])
                        break
                    except psycopg.errors.DeadlockDetected:
                        deadlocks += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.connect(settings.database_url or "") as conn:
        stale = conn.execute(
            """
            SELECT count(*) AS stale FROM raw.nuget_packages p
            LEFT JOIN LATERAL (SELECT version, declaration FROM raw.nuget_versions v
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
        conn = db.connect(settings.database_url or "")
        bulk.fill(conn, count // 5, 5)
        both.append((settings, conn))
    home.checkpoint()
    ratios = []
    for number, one in enumerate(pages):
        took = []
        for _, conn in both:
            begun = time.perf_counter()
            with conn.transaction():
                store.write(conn, one)
            took.append(time.perf_counter() - begun)
        if number >= 2:
            ratios.append(took[1] / took[0])
    report.add("growth", f"page transaction at {plan.versions:,} versions against 10,000", ratios, "×", target="≤ 1.2")
    settings, conn = both[1]
    with conn.transaction(force_rollback=True):
        store._make_incoming(conn)
        conn.execute(
            "INSERT INTO pg_temp.incoming SELECT package_key, '1.0.0', package_id, '1.0.0', NULL, NULL, NULL, NULL,"
            " true, false, NULL, NULL, false, '', false, 1, package_key, '{}', NULL FROM raw.nuget_packages"
        )
        conn.execute("UPDATE raw.nuget_packages SET latest_version = 'x'")
        begun = time.perf_counter()
        count = db.run(conn, "catalog/derive_packages", whole=[])
        took_ = time.perf_counter() - begun
    report.add("growth", f"full rebuild of {count:,} package rows", took_, "s", target="≤ 4 for 500,000")
    for settings, conn in both:
        conn.close()
        home.drop(settings)


def classification(report: Report, plan: Plan, home: World) -> None:
    """The classifier on packages made by SQL."""
    settings = home.settings("http://127.0.0.1:9/v3.json")
    with db.connect(settings.database_url or "") as conn:
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
                   [ours / theirs for ours, theirs in zip(took, floor, strict=True)], "×")  # fmt: skip
        report.add(part, f"{many}: no-op", [1000 * look(0) for _ in range(5)], "ms", target="≤ 10")
        found = license_list("2.0")
        begun = time.perf_counter()
        with conn.transaction():
            licenses.rewrite(conn, found)
        report.add("SPDX", "rewrite of 700 licenses", 1000 * (time.perf_counter() - begun), "ms")
        report.add("SPDX", f"{many}: decided again by a new list", look(), "s")
    home.drop(settings)


# What it says


def plot(report: Report, path: Path) -> None:
    """Bars of the first loads, by hand: one file, no library."""
    rows = [row for row in report.rows if row.part == "first load" and row.unit == "leaves/s" and row.values]
    most = max((max(row.values) for row in rows), default=1)
    parts = []
    for number, row in enumerate(rows):
        top = 40 + 26 * number
        low, middle, high = (520 * f / most for f in (min(row.values), statistics.median(row.values), max(row.values)))
        colour = "#2f6f4f" if "processes" in row.what else "#9aa0a6"
        parts.append(
            f'<text x="330" y="{top + 13}" text-anchor="end">{html.escape(row.what)}</text>'
            f'<rect x="340" y="{top}" width="{middle:.0f}" height="18" fill="{colour}"/>'
            f'<line x1="{340 + low:.0f}" x2="{340 + high:.0f}" y1="{top + 9}" y2="{top + 9}" stroke="#000"/>'
            f'<text x="{348 + high:.0f}" y="{top + 13}">{statistics.median(row.values):,.0f}</text>'
        )
    height = 60 + 26 * len(rows)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 940 {height}" font-family="sans-serif" font-size="11">'
        f'<rect width="940" height="{height}" fill="#fff"/><text x="16" y="22" font-size="14">Leaves per second, first '
        f"load (median; line: least to greatest)</text>{''.join(parts)}</svg>\n"
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").split("\n\n", 1)[0])
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="about a minute, one round")
    size.add_argument("--full", action="store_true", help="every combination, large tables, and dlt: half an hour")
    parser.add_argument("--only", action="append", metavar="PART", choices=PARTS, help=f"one of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, help="of each comparison")
    parser.add_argument("--dlt", action="store_true", help="measure dlt too, installed into the temporary home")
    chosen = parser.parse_args()
    plan = QUICK if chosen.quick else FULL if chosen.full else DEFAULT
    changes: dict[str, Any] = {"dlt": chosen.dlt or plan.dlt, "rounds": chosen.rounds or plan.rounds}
    plan = Plan(**{**plan.__dict__, **changes})
    report, begun = Report(), time.monotonic()
    print(f"making a catalog of {550 * plan.small_pages + 2750 * plan.large_pages:,} leaves", flush=True)
    catalogs = {"small": make(plan.small_pages, 550, "small"), "large": make(plan.large_pages, 2750, "large", seed=2)}
    server = BenchServer(list(catalogs.values()), [0.0, LATENCY])
    try:
        with world() as home:
            small = catalogs["small"]
            pages = [small.events(one) for one in small.pages[:12]]
            steps: dict[str, Callable[[], Any]] = {
                "first-load": lambda: end_to_end(report, plan, home, server, catalogs),
                "replay": lambda: replay(report, plan, home, server, catalogs["large"]),
                "page": lambda: overhead(report, plan, home),
                "write": lambda: transaction(report, plan, home, pages),
                "writers": lambda: writers(report, home, pages),
                "growth": lambda: growth(report, plan, home, pages),
                "classify": lambda: classification(report, plan, home),
            }
            for name in chosen.only or PARTS:
                steps[name]()
            with home.admin() as conn:
                row = conn.execute("SHOW server_version").fetchone()
    finally:
        server.stop()
    title = (
        f"`make bench{' ARGS=' + json.dumps(' '.join(sys.argv[1:])) if len(sys.argv) > 1 else ''}`, "
        f"{datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"PostgreSQL {row[0] if row else '?'}, {plan.rounds} rounds, {time.monotonic() - begun:.0f} s; "
        f"load of the machine at the end {psutil.getloadavg()[0]:.1f}."
    )
    RESULTS.mkdir(exist_ok=True)
    text = report.markdown(title)
    (RESULTS / "bench.md").write_text(text)
    plot(report, RESULTS / "bench.svg")
    print("\n" + text)
    print(f"written: {RESULTS.name}/bench.md, {RESULTS.name}/bench.svg")


PARTS = ("first-load", "replay", "page", "write", "writers", "growth", "classify")

if __name__ == "__main__":
    main()
