"""The task that keeps the pipeline true by itself."""

from pkgintel.tasks import recovery
from pkgintel.tasks.base import Task, task


@task(name="ops.upkeep", max_retries=0)
def upkeep(self: Task) -> str:
    """Find lost runs, send lost tasks again, measure gates, apply the schedules. Runs every ten seconds by itself.

    Pass: nothing. Safe at any time.
    """
    with self.connection() as conn:
        return recovery.tend(conn, self.process.deployment)
