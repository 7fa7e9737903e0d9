"""What a deployment that runs for long may lose: memory, connections, descriptors, room in tables and logs."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import psutil
import redis

from tests.chaos.program import Program
from tests.chaos.stack import Stack

Measures = dict[str, float]


def measure(stack: Stack, programs: Iterable[Program]) -> Measures:
    """Numbers by what they are: MB, or how many. Of `programs` the parents, and the largest of their children."""
    found: Measures = {}
    for program in programs:
        parent = psutil.Process(program.popen.pid)
        found[f"memory of {program.name}, MB"] = _megabytes(parent)
        found[f"descriptors of {program.name}"] = parent.num_fds()
        children = parent.children()
        if children:
            with suppress(psutil.NoSuchProcess):
                found[f"memory of a child of {program.name}, MB"] = max(map(_megabytes, children))
                found[f"descriptors of a child of {program.name}"] = max(child.num_fds() for child in children)
    for row in stack.rows(TABLES):
        found[f"schema {row['name']}, MB"] = row["bytes"] / 1e6
    for row in stack.rows(COUNTS):
        found |= {name.replace("_", " "): float(value) for name, value in row.items()}
    with redis.Redis.from_url(stack.redis_url) as client:
        info: dict[str, Any] = client.info()
        found["memory of Redis, MB"] = info["used_memory"] / 1e6
        found["connections to Redis"] = info["connected_clients"]
        found["keys in Redis"] = client.dbsize()
    logs = {log.name: log.stat().st_size / 1e6 for log in (stack.home / "logs").iterdir()}
    return (
        found
        | {f"log {program.name}, MB": logs[f"{program.name}.log"] for program in programs}
        | {"logs together, MB": sum(logs.values())}
    )


TABLES = """
SELECT n.nspname AS name, sum(pg_total_relation_size(c.oid))::bigint AS bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('raw', 'enriched', 'ops') AND c.relkind = 'r' GROUP BY 1 ORDER BY 1
"""
COUNTS = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections_to_postgres,
       (SELECT count(*) FROM ops.runs) AS runs,
       (SELECT count(*) FROM ops.run_pages) AS pages_of_runs,
       (SELECT count(*) FROM ops.check_results) AS results_of_checks,
       (SELECT count(*) FROM ops.rejected_leaves) AS rejected_leaves,
       (SELECT count(*) FROM raw.nuget_versions) AS versions_stored,
       (SELECT count(*) FROM enriched.verdict_changes) AS changes_of_verdicts
"""


def _megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1e6


def compared(begin: Measures, end: Measures) -> str:
    """A line for each measure: at the start, at the end, and the difference."""
    lines = [f"{'':<38}{'start':>10}{'end':>10}{'more':>10}"]
    for name in [*begin, *(name for name in end if name not in begin)]:
        digits = 1 if name.endswith("MB") else 0
        first, last = begin.get(name, 0.0), end.get(name, 0.0)
        lines.append(f"{name:<38}{first:>10,.{digits}f}{last:>10,.{digits}f}{last - first:>+10,.{digits}f}")
    return "\n".join(lines)
