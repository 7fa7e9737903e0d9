"""The task that keeps the SPDX license list."""

from pkgintel.pipeline import runs, sync
from pkgintel.pipeline.states import Action, Kind, Source
from pkgintel.tasks import recovery, workflow
from pkgintel.tasks.base import Task, task


@task(name="spdx.sync")
def sync_licenses(self: Task, kind: str = Kind.MANUAL.value, cause_id: int | None = None) -> str:
    """Rewrite the SPDX license list if its version changed, then run its gate and the classifier.

    Pass: nothing, from a shell.
    """
    mine, ids = self.process, {"task_id": self.request.id, "cause_id": cause_id}
    with self.connection() as conn:
        recovery.free_lost(conn, mine.deployment)
        run_id = runs.open_run(conn, Source.SPDX, Action.SYNC, Kind(kind), **ids)
    with self.carrying(run_id) as conn:
        result = sync.sync(conn, mine.deployment, mine.client, run_id)
    with self.connection(run_id) as conn:
        workflow.after(conn, mine.deployment, Source.SPDX, run_id)
    return f"run {run_id}: {result}"
