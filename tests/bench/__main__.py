"""How fast pkgintel is, measured on this machine, offline: `make bench`, `make bench ARGS=--quick`, `ARGS=--full`.

A catalog is made up and served with a chosen latency by processes of its own; embedded Postgres and Valkey and real
Celery workers run in a temporary home. Whatever is compared is measured in turns, round after round, and printed as the
median of the rounds' ratios with the least and the greatest. Rates depend on the machine; ratios less so.
The table and the plot are written to `bench-results/`.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psutil

from tests.bench import load, phases, storage, whole, writes
from tests.bench.catalog import make
from tests.bench.plan import DEFAULT, FULL, LATENCY, QUICK
from tests.bench.report import RESULTS, Report, plot
from tests.bench.server import BenchServer
from tests.bench.world import world


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").split("\n\n", 1)[0])
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="one round of it, two minutes")
    size.add_argument("--full", action="store_true", help="the sizes of the targets, and dlt: twenty minutes")
    parser.add_argument("--only", action="append", metavar="PART", choices=PARTS, help=f"one of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, help="of each comparison")
    parser.add_argument("--dlt", action="store_true", help="measure dlt too, installed into the temporary home")
    parser.add_argument("--publish", action="store_true", help="let docs/speed.md show this run")
    chosen = parser.parse_args()
    plan = QUICK if chosen.quick else FULL if chosen.full else DEFAULT
    plan = replace(plan, dlt=chosen.dlt or plan.dlt, rounds=chosen.rounds or plan.rounds)
    report, begun = Report(), time.monotonic()
    print(f"making a catalog of {550 * plan.small_pages + 2750 * plan.large_pages:,} leaves", flush=True)
    catalogs = {"small": make(plan.small_pages, 550, "small"), "large": make(plan.large_pages, 2750, "large", seed=2)}
    server = BenchServer(list(catalogs.values()), [0.0, LATENCY])
    try:
        with world() as home:
            small = catalogs["small"]
            pages = [small.events(one) for one in small.pages[:12]]
            steps: dict[str, Callable[[], Any]] = {
                "first-load": lambda: load.end_to_end(report, plan, home, server, catalogs),
                "profile": lambda: phases.profile(report, plan, home, server),
                "replay": lambda: load.replay(report, plan, home, server, catalogs["large"]),
                "page": lambda: load.overhead(report, plan, home),
                "memory": lambda: phases.long_run(report, plan, home),
                "write": lambda: writes.transaction(report, plan, home, pages),
                "writers": lambda: writes.writers(report, home, pages),
                "growth": lambda: writes.growth(report, plan, home, pages),
                "storage": lambda: storage.bloat(report, home, pages),
                "registry": lambda: whole.load(report, plan, home),
                "classify": lambda: writes.classification(report, plan, home),
            }
            for name in chosen.only or [part for part in PARTS if part not in (whole.PART, storage.PART)]:
                steps[name]()
            with home.admin() as conn:
                row = conn.execute("SHOW server_version").fetchone()
    finally:
        server.stop()
    words = [word for word in sys.argv[1:] if word != "--publish"]
    title = (
        f"`make bench{' ARGS=' + json.dumps(' '.join(words)) if words else ''}`, "
        f"{datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"PostgreSQL {row[0] if row else '?'}, {plan.rounds} {'round' if plan.rounds == 1 else 'rounds'}, "
        f"{time.monotonic() - begun:.0f} s; load of the machine at the end {psutil.getloadavg()[0]:.1f}."
    )
    RESULTS.mkdir(exist_ok=True)
    text = report.markdown(title)
    (RESULTS / "bench.md").write_text(text, encoding="utf-8")
    plot(report, RESULTS / "bench.svg")
    print("\n" + text)
    print(f"written: {RESULTS.name}/bench.md, {RESULTS.name}/bench.svg")
    if chosen.publish:
        report.publish(title)
        print("written: docs/speed.md and its plots")


PARTS = (
    "first-load",
    "profile",
    "replay",
    "page",
    "memory",
    "write",
    "writers",
    "growth",
    "classify",
    "storage",
    "registry",
)

if __name__ == "__main__":
    main()
