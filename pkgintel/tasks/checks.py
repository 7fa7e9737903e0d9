"""The task that holds a gate."""

from pkgintel.pipeline.gate import after
from pkgintel.tasks.base import Task, task
from pkgintel.text import many


@task(name="checks.run_gate")
def run_gate(self: Task, gate: str, run_id: int | None = None) -> str:
    """Measure and record the checks of one gate; a blocking one that fails makes this task red and ends its chain.

    Pass: "raw_nuget_packages", "raw_spdx_licenses" or "enriched_nuget_package_oss_status".
    """
    with self.connection(run_id) as conn:
        results = after(conn, self.process.deployment, gate, run_id)
    warned = [result.name for result in results if not result.passed]
    return f"{gate}: {many(len(results), 'check')}, " + (f"warnings: {', '.join(warned)}" if warned else "all passed")
