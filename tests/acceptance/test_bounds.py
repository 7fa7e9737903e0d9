"""The largest things that a stranger can send, to a real worker: none of its processes grows beyond what one may."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.support.sites import SiteFleet

pytestmark = pytest.mark.processes

MEGABYTE = 1_000_000
MOST = 400 * MEGABYTE


@pytest.fixture
def fleet(database: str, redis_url: str, tmp_path: Path) -> Iterator[SiteFleet]:
    with ExitStack() as stack:
        made = SiteFleet(stack, database, redis_url, tmp_path, max_in_flight=64, request_attempts=1)
        made.begin()
        yield made


def peak(process: psutil.Process) -> int:
    """The most memory that a process ever had resident, in bytes (proc(5), VmHWM)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


def test_a_worker_stays_small_whatever_it_is_sent(fleet: SiteFleet) -> None:
    site = fleet.site
    parent = psutil.Process(fleet.one.pid)
    pool = {child.pid: child for child in parent.children()}

    def spoiled(count: int, **said: object) -> None:
        """A page of so many leaves that also say this, each written when it is asked for."""
        for event in site.grow(count):
            path = event.url.removeprefix(site.base)
            site._leaves[path] = json.loads(site._leaves[path]) | said

    spoiled(24, description="x" * 15 * MEGABYTE)
    spoiled(40, licenseExpression=" AND ".join(["MIT"] * 120_000))
    spoiled(300, published=["never"], description="x" * MEGABYTE)
    spoiled(1, many={f"key{number}": 0 for number in range(600_000)}, face="\ud83d")
    fleet.send("catalog.scan")
    fleet.wait(lambda: fleet.rows("SELECT FROM ops.runs WHERE action = 'scan' AND state <> 'running'"), "the scan ends")
    site.grow(1)
    site.server.put("/page4.json", b'{"items": [' + b" " * 99 * MEGABYTE + b"]}")
    fleet.send("catalog.scan")
    run = fleet.ended("scan", "failed")
    assert "page4.json" in run["error"]
    peaks = [peak(process) for process in (parent, *pool.values())]
    assert set(pool) <= {child.pid for child in parent.children()}, "no process was ended for its size"
    assert max(peaks) < MOST, peaks
    kept = fleet.rows("SELECT max(length(body)) AS most, count(*) AS n FROM ops.rejected_leaves")[0]
    assert kept["most"] <= 64_000
    assert kept["n"] >= 340
