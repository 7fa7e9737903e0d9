"""The journey through Celery: first loads in turns with their rivals, replays, what a page costs beside its leaves."""

import statistics
import time
from collections.abc import Sequence

import psycopg

from pkgintel import database
from pkgintel.database import events
from pkgintel.nuget.documents import Event, Item
from pkgintel.pipeline import page, runs, scan
from pkgintel.pipeline.states import Action, Kind, Source
from pkgintel.runtime import process
from tests.bench import rivals
from tests.bench.catalog import BASE, BenchCatalog, BenchLeaf, make
from tests.bench.plan import LATENCY, Plan
from tests.bench.report import Ratios, Report
from tests.bench.server import BenchServer
from tests.bench.world import Workers, World
from tests.bench.writes import wal


def end_to_end(report: Report, plan: Plan, home: World, server: BenchServer, catalogs: dict[str, BenchCatalog]) -> None:
    """First loads, in turns with the floor, the plain design and dlt."""
    found, reading = Ratios(), Ratios()
    small = catalogs["small"]
    held = [small.events(one) for one in small.pages]
    rival = home.settings("http://127.0.0.1:9/v3.json").database_url
    python = rivals.dlt_python(home.home) if plan.dlt else None
    # dlt reads the small pages with as many threads as we have requests in flight.
    against_dlt = {
        (latency, processes, in_flight): (name, latency, processes, in_flight, pages)
        for name, latency, processes, in_flight, pages in plan.end_to_end
        if name == "small" and processes == (4 if latency else 2)
    }
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
                    pages_ = [(f"/small/page{n}.json", small.pages[n]) for n in range(2)]
                    took = rivals.plain(rival, server.origin(0.0), pages_, in_flight)
                    found.rates["plain", in_flight].append(550 * len(pages_) / took)
                if python is not None:
                    names = [f"/small/page{n}.json" for n in range(min(8, len(small.pages)))]
                    for latency, _, in_flight in against_dlt:
                        took_ = rivals.dlt(python, home.home, rival, server.origin(latency), names, in_flight)
                        if took_:
                            found.rates["dlt", latency, in_flight].append(550 * len(names) / took_)
                    took_ = rivals.dlt(python, home.home, rival, server.origin(0.0), names, 64, load_only=True)
                    if took_:
                        found.rates["dlt load"].append(550 * len(names) / took_)
                        found.rates["load"].append(_load(home, held[: len(names)]))
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
        show=True,
    )
    for key in plan.end_to_end:
        name, latency, processes, in_flight, _ = key
        items = len(catalogs[name].pages[0])
        what = f"{processes} {'process' if processes == 1 else 'processes'}, {in_flight} in flight"
        what += f", {latency * 1000:.0f} ms, pages of {items:,}"
        report.add(part, what, found.rates[key], "leaves/s")
        if latency:
            targets = {20: "≥ 0.98", 64: "≥ 0.95", 128: "≥ 0.80"} if name == "large" and processes == 4 else {}
            limit = in_flight / latency
            report.add(part, f"{what}: of in flight ÷ latency, while pages are read",
                       [rate / limit for rate in reading.rates[key]], target=targets.get(in_flight, ""))  # fmt: skip
        else:
            target = "≥ 7" if processes == 2 and name == "small" else ""
            report.add(part, f"{what}: against the plain design at its better setting ({best})",
                       found.of(key, ("plain", best)), "×", target=target)  # fmt: skip
            report.add(part, f"{what}: against the floor", found.of(key, "floor"), "×")
    if plan.dlt:
        for key in against_dlt.values():
            _, latency, processes, in_flight, _ = key
            theirs = ("dlt", latency, in_flight)
            what = f"{latency * 1000:.0f} ms, {in_flight} in flight"
            report.add("dlt", f"dlt, {what}", found.rates[theirs], "leaves/s")
            report.add("dlt", f"end to end against dlt, {what}, {processes} processes",
                       found.of(key, theirs), "×", target="≥ 6" if latency else "≥ 8")  # fmt: skip
        if found.rates["dlt load"]:
            report.add("dlt", "load alone against dlt: the page transactions, in one process",
                       found.of("load", "dlt load"), "×", target="≥ 5")  # fmt: skip
        if python is None:
            report.add("dlt", "dlt cannot be installed here, so it is not measured", [])
    rates = [statistics.median(found.rates[key]) for key in plan.end_to_end if key[1] and key[3] == 64]
    if rates:
        for millions in (12, 21):
            report.add("projection", f"{millions} million leaves at {LATENCY * 1000:.0f} ms, 64 in flight",
                       millions * 1e6 / max(rates) / 3600, "h")  # fmt: skip


def _load(home: World, pages: Sequence[Sequence[Event]]) -> float:
    """Leaves a second of the page transactions alone, into empty tables."""
    settings = home.settings("http://127.0.0.1:9/v3.json")
    with database.connect(settings.database_url) as conn:
        begun = time.perf_counter()
        for one in pages:
            with conn.transaction():
                events.write(conn, one)
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
        run = workers.scan()
        rounds = [workers.idle_pages(100) for _ in range(3)]
        report.add("page", "orchestration: a page task that finds nothing to do, 2 processes",
                   [1000 * one for one in rounds], "ms", target="≤ 10")  # fmt: skip
        report.add("page", f"a page of one leaf, 2 processes ({plan.scan_pages} pages)",
                   1000 * run["reading"] / plan.scan_pages, "ms")  # fmt: skip
        report.add("Redis", f"peak of a scan of {plan.scan_pages} pages", workers.redis_peak(), "MB",
                   f"{before:.3g} MB before", "≤ 20")  # fmt: skip
    finally:
        workers.stop()
        server.stop()


def replay(report: Report, plan: Plan, home: World, server: BenchServer, held: BenchCatalog) -> None:
    """Pages that are stored already, read again in this process: what a page task does, without Celery."""
    settings = home.settings(f"{server.origin(0.0)}/{held.name}/v3.json")
    pages = held.pages[: scan.FEW_ITEMS // len(held.pages[0])]  # More would be made known, and not be read.
    count = sum(map(len, pages))
    mine = process.start(settings)
    client = mine.client
    with database.connect(settings.database_url) as conn:
        rates, logged = [], []
        for attempt in range(plan.rounds + 1):
            conn.execute("DELETE FROM ops.watermarks; DELETE FROM ops.runs")
            run_id = runs.open_run(conn, Source.NUGET, Action.SCAN, Kind.MANUAL)
            with mine.leasing(settings.service_index_url) as limit:
                opened = scan.plan(conn, settings, client, run_id, len(pages), limit)
            assert opened is not None
            asked, at = server.leaf_requests(), wal(conn)
            begun = time.perf_counter()
            for url in opened.pages:
                page.store_page(mine.database, settings, client, mine.leasing, run_id, url)
            took = time.perf_counter() - begun
            if attempt:
                rates.append(count / took)
                logged.append((wal(conn) - at) / count)
                gets = server.leaf_requests() - asked
        report.add("replay", "leaf GETs for stored pages", gets, target="0")
        report.add("replay", "WAL", logged, "B/item", "with the page's own row and the run's heartbeat", "≤ 5")
        what = f"pages of {len(pages[0]):,}, one process, all that a page task does"
        report.add("replay", what, rates, "items/s", target="≥ 50,000")
        ours = []
        for one in pages:
            items = _items(one)
            begun = time.perf_counter()
            assert len(events.unknown(conn, items, 0)) == len(items)  # Stored under another address, so all are asked.
            ours.append(len(items) / (time.perf_counter() - begun))
        report.add("replay", "… the question to Postgres alone", ours, "items/s")
    process.end()


def _items(lines: Sequence[BenchLeaf]) -> list[Item]:
    return [
        Item(
            url=f"{BASE}{one.path}",
            kind="details",
            commit=one.commit + 1,
            package_id=one.package_id,
            version=one.version,
        )
        for one in lines
    ]
