"""The task that decides."""

from pkgintel.pipeline import classify
from pkgintel.tasks.base import Task, task


@task(name="verdicts.classify")
def classify_packages(self: Task, run_id: int | None = None) -> str:
    """Decide every package whose inputs, license list, policy or ruleset changed since its verdict.

    Pass: nothing, from a shell; `run_id` names the run that triggered it. No network is used. Beside another
    classification this one waits, and then finds nothing pending.
    """
    mine, ids = self.process, {"task_id": self.request.id, "cause_id": run_id}
    with self.connection(run_id) as conn:
        own_id, result = classify.perform(mine.database, conn, mine.deployment, **ids)
    return f"run {own_id}: {result}"
