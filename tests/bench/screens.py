"""How fast the screens are with a hundred thousand runs: `python -m tests.bench.screens`, a minute.

Prints, for `pkgintel status`, each page of Flower and its metrics, the median and the worst of so many asks in
milliseconds. Measure on a machine that does nothing else: the target is 200 ms.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import psutil

from pkgintel import database
from pkgintel.reports import status
from pkgintel.reports.reading import reading
from pkgintel.runtime import deployment, process
from pkgintel.settings import Deployment
from tests.bench.world import world
from tests.support.flowers import Served, flowers
from tests.support.old_runs import failed_scan, grow_old

ANN = "ann:secret"
KEPT = 2.1  # Seconds after which the page Pipeline asks Postgres again.


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--asks", type=int, default=15, help="of each screen")
    asks = parser.parse_args().asks
    with world() as home, flowers() as start:
        settings = home.settings("http://127.0.0.1:9/v3/index.json")
        process.start(settings)
        with database.connect(settings.database_url) as conn:
            grow_old(conn)
            run_id = failed_scan(conn, settings)
            conn.execute("ANALYZE")
        measure("status, as the page asks for it", lambda: _report(settings), asks)
        measure("pkgintel status --json (a process, no worker)", lambda: _command(settings), 3)
        served = start(settings, FLOWER_BASIC_AUTH=ANN)
        for path, pause in pages(run_id).items():
            measure(path, partial(_page, served, path), asks, pause)
    print(f"load of the machine at the end: {psutil.getloadavg()[0]:.1f}")


def pages(run_id: int) -> dict[str, float]:
    """The paths that are asked for, and the seconds to wait before each ask so that none is answered from memory."""
    return {
        "/pipeline?refresh=off": KEPT,
        "/metrics": KEPT,
        "/pipeline/runs": 0.0,
        "/pipeline/runs?before=777&source=nuget": 0.0,
        "/pipeline/runs?state=failed&source=spdx": 0.0,
        "/pipeline/runs?action=fetch": 0.0,
        "/pipeline/runs?state=lost&action=replay": 0.0,
        f"/pipeline/runs/{run_id}": 0.0,
        "/pipeline/runs/3000": 0.0,
        "/pipeline/checks/raw_spdx_licenses_osi_floor": 0.0,
    }


def measure(name: str, ask: Callable[[], object], asks: int, pause: float = 0.0) -> None:
    """Ask so often, after once that does not count; print the median and the worst."""
    ask()
    took = []
    for _ in range(asks):
        # What a page was told is kept for a time, and nothing shows when it is over, so the time itself has to pass.
        time.sleep(pause)
        begun = time.perf_counter()
        ask()
        took.append((time.perf_counter() - begun) * 1000)
    print(f"{name:<48} median {statistics.median(took):6.0f} ms   worst {max(took):6.0f} ms", flush=True)


def _report(settings: Deployment) -> None:
    with reading(settings) as conn:
        status.report(conn, settings)


def _command(settings: Deployment) -> None:
    words = [sys.executable, "-m", "pkgintel", "status", "--json"]
    # It ends by 0 where all is healthy, by another number here.
    subprocess.run(words, env=deployment.environment(settings), capture_output=True, check=False)


def _page(served: Served, path: str) -> None:
    code = served.get(path, ANN)[0]
    if code != 200:
        raise RuntimeError(f"{path} answered {code}")


if __name__ == "__main__":
    main()
