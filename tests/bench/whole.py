"""All of a registry of nuget.org's shape: from an empty database to a verdict on every package."""

import os
import time
from pathlib import Path

from pkgintel import database
from tests.bench import bare, registry, truth
from tests.bench.plan import LATENCY, Plan
from tests.bench.report import Report
from tests.bench.server import BenchServer
from tests.bench.world import Workers, World
from tests.support.waiting import until

PART = "registry"
ALL = "whole registry"  # The part, at full size.
IN_FLIGHT = 64
DLT = 654  # Leaves a second that dlt stored at this latency (`--dlt`, the part first-load).
FOLDER = Path(os.environ.get("TMPDIR", "/tmp")) / "pkgintel-registries"

_PHASES = """
    SELECT CASE WHEN action = 'scan' THEN 'pages' WHEN action = 'read' AND NOT rest THEN 'leaves that decide'
                WHEN action = 'read' THEN 'the rest' ELSE action END AS phase,
           extract(epoch FROM max(finished_at) - min(started_at))::float8 AS seconds,
           sum(pages_total)::bigint AS pages, sum(leaves)::bigint AS leaves, count(*) AS runs
    FROM ops.runs WHERE source IN ('nuget', 'verdicts') AND state = 'done' GROUP BY 1 ORDER BY min(started_at)
"""
_SIZES = """
    SELECT pg_database_size(current_database())::float8 / 1e9 AS whole,
           pg_total_relation_size('raw.unread_versions')::float8
               / greatest(1, (SELECT count(*) FROM raw.unread_versions)) AS unread
"""


def load(report: Report, plan: Plan, home: World) -> None:
    """R1 to R6 of a registry at the scale of the plan, and whether its packages speak by the version that should."""
    shape, part = registry.Shape(plan.registry), ALL if plan.registry == 1 else PART
    print(f"making a registry of {shape.ids:,} packages, unless it is there", flush=True)
    made = registry.make(FOLDER / f"{shape.scale}-{shape.seed}", shape)
    server = BenchServer(made, [LATENCY])
    settings = home.settings(f"{server.origin(LATENCY)}/{made.name}/v3.json", max_in_flight=IN_FLIGHT, read="speaking")
    # Of six pages on two cores some wait for upstream while the others keep both cores at work.
    workers = Workers(settings, 3 * (os.cpu_count() or 1))
    try:
        try:
            seconds = _measure(report, part, made, workers, server)
        finally:
            workers.stop()
        if part != ALL:
            _floor(report, part, made, server, home, seconds)
    finally:
        server.stop()
        home.drop(settings)


def _measure(report: Report, part: str, made: registry.Registry, workers: Workers, server: BenchServer) -> float:
    """Load it all, and report what that took; the seconds."""
    workers.redis_reset()
    seconds, cpu = _follow(workers)
    with database.connect(workers.settings.database_url) as conn:
        _say(report, part, conn, made, seconds, server)
        if part != ALL:  # The truth of all of it takes gigabytes of memory.
            wrong = wrong_speakers(conn, truth.of(made.shape))
            report.add(part, "packages that speak by another version than they should", len(wrong), target="0")
    report.add(part, "Redis at its peak", workers.redis_peak(), "MB", target="≤ 30")
    report.add(part, "largest worker process at its peak", max(workers.peaks()), "MB", target="≤ 150")
    for name, used in cpu.items():
        report.add(part, f"CPU of {name}", used, "s", show=True)
    report.add(part, "CPU of the catalog's server", server.cpu(), "s", show=True)
    return seconds


def _floor(
    report: Report, part: str, made: registry.Registry, server: BenchServer, home: World, seconds: float
) -> None:
    """What the same bytes cost by bare sockets and COPY, with nothing promised and no verdict, beside it."""
    settings = home.settings(server.origin(LATENCY))
    try:
        home.checkpoint()
        taken, asked = bare.load(server.origin(LATENCY), made, settings.database_url, IN_FLIGHT)
    finally:
        home.drop(settings)
    floor = sum(taken.values())
    note = f"{', '.join(f'{name} {took:.1f} s' for name, took in taken.items())}; {asked:,} leaves"
    report.add(
        part, "the floor: bare sockets and COPY, with nothing promised and no verdict", floor, "s", note, show=True
    )
    report.add(part, "… this load against it", seconds / floor, "×", show=True)


LONGEST = 4 * 3600.0  # Seconds a whole load may take.
STATE = (
    "SELECT count(*) FILTER (WHERE state NOT IN ('running', 'done')) AS bad, count(*) AS runs,"
    " count(*) FILTER (WHERE state = 'running' OR settled_at IS NULL) AS open,"
    " count(*) FILTER (WHERE source = 'verdicts' AND state = 'done') AS judged,"
    " (SELECT count(*) FROM ops.run_pages WHERE state = 'done') AS pages FROM ops.runs"
)


def _follow(workers: Workers) -> tuple[float, dict[str, float]]:
    """Send one scan and wait until nothing comes of it any more: seconds, and the CPU of each kind of process."""
    before, begun = workers.cpu(), time.perf_counter()
    workers.app.send_task("catalog.scan", kwargs={"kind": "manual"}, queue="catalog")
    said = begun

    def through() -> bool:
        nonlocal said
        state = conn.execute(STATE).fetchone()
        assert state is not None
        if state["bad"]:
            row = conn.execute("SELECT id, action, state, error FROM ops.runs ORDER BY id DESC LIMIT 1").fetchone()
            raise RuntimeError(f"a run did not end well: {row}")
        if time.perf_counter() - said > 10:
            said = time.perf_counter()
            print(f"{said - begun:.0f} s: {state['runs']} runs, {state['pages']:,} pages done", flush=True)
        return bool(state["judged"] and not state["open"])

    with database.connect(workers.settings.database_url) as conn:
        until(through, "every package is judged", LONGEST, 0.1)
    after = workers.cpu()
    return time.perf_counter() - begun, {name: after[name] - before.get(name, 0.0) for name in after}


def _say(
    report: Report, part: str, conn: database.Connection, made: registry.Registry, seconds: float, server: BenchServer
) -> None:
    share = made.shape.scale
    limit = {0.1: "≤ 75", 1.0: "≤ 900"}.get(share, "")
    what = f"{made.shape.ids:,} packages, {made.items:,} items on {len(made.lines):,} pages"
    report.add(part, f"{what}: to a verdict on every package", seconds, "s", target=limit, show=True)
    for phase in conn.execute(_PHASES).fetchall():
        told = f"{phase['runs']} runs, {phase['pages']:,} pages, {phase['leaves']:,} leaves"
        report.add(part, f"… {phase['phase']}", phase["seconds"], "s", note=told, show=True)
    listed = _one(conn, "SELECT count(*) AS packages FROM raw.nuget_packages WHERE state = 'listed'")["packages"]
    ratio = _asked_of_listed(conn) / listed
    report.add(part, "leaves read ÷ packages, of those with a listed version", ratio, target="≤ 1.25")
    report.add(part, "leaf requests in all", server.leaf_requests(), show=True)
    conn.execute("VACUUM ANALYZE raw.unread_versions")
    sizes = _one(conn, _SIZES)
    report.add(part, "database", sizes["whole"], "GB", target="≤ 8" if share == 1 else "", show=True)
    report.add(part, "bytes of a version that is known and unread", sizes["unread"], "B", target="≤ 250")
    rate = IN_FLIGHT / LATENCY
    report.add(part, "the plain design, at its measured share of the limit", made.items / (0.26 * rate), "s", show=True)
    report.add(part, "dlt, at the rate that it was measured at", made.items / DLT, "s", show=True)


def _asked_of_listed(conn: database.Connection) -> int:
    """Leaves read of packages that have a listed version."""
    return int(_one(conn, "SELECT count(*) AS leaves FROM raw.read_versions v JOIN raw.nuget_packages p"
                          " USING (package_key) WHERE p.state = 'listed'")["leaves"])  # fmt: skip


def wrong_speakers(conn: database.Connection, expected: truth.Truth) -> list[str]:
    """The keys of the packages that speak by another version than they should."""
    rows = conn.execute("SELECT package_key, latest_version FROM raw.nuget_packages").fetchall()
    found = {row["package_key"]: row["latest_version"] for row in rows}
    return [
        key for key in expected.speakers.keys() | found.keys() if found.get(key, "") != expected.speakers.get(key, "")
    ]


def _one(conn: database.Connection, query: str) -> database.Row:
    row = conn.execute(query).fetchone()
    assert row is not None
    found: database.Row = row
    return found
