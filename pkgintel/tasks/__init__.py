"""The tasks, as Flower and a Python shell name them: each is one plain function with a queue, a retry policy and a log.

    from pkgintel.tasks import scan, sync, classify, run_gate
    scan.delay()                # look for new pages now; safe beside the fleet: a second scan is skipped
    classify.delay()            # decide what is pending; nothing pending means nothing done

All may run twice, in any order, on any worker.
"""

from celery import Task

from pkgintel.celery import app
from pkgintel.database import migrations
from pkgintel.errors import AlreadyRunning
from pkgintel.pipeline import classify as classification
from pkgintel.pipeline import gate as gates
from pkgintel.pipeline import heartbeats, runs
from pkgintel.pipeline import sync as licenses
from pkgintel.pipeline.states import Action, Kind, Source
from pkgintel.runtime import logs, process
from pkgintel.tasks import base, recovery, workflow
from pkgintel.tasks.base import TRIES
from pkgintel.tasks.catalog import fail_scan, finish_replay, finish_scan, replay, scan, upsert_page
from pkgintel.text import many

__all__ = [
    "classify",
    "fail_scan",
    "finish_replay",
    "finish_scan",
    "replay",
    "run_gate",
    "scan",
    "sync",
    "upkeep",
    "upsert_page",
]


@app.task(bind=True, name="spdx.sync", max_retries=TRIES, default_retry_delay=5)
def sync(self: Task, kind: Kind = Kind.MANUAL, cause_id: int | None = None) -> str:
    """Rewrite the SPDX license list if its version changed, then run its gate and the classifier.

    Pass: nothing, from a shell.
    """
    mine = process.current()
    run_id = None
    try:
        with mine.database.connection() as conn:
            migrations.require_schema(conn)
            recovery.free_lost(conn, mine.deployment)
            task_id = self.request.id
            run_id = runs.open_run(conn, Source.SPDX, Action.SYNC, Kind(kind), task_id=task_id, cause_id=cause_id)
        with (
            logs.about(run=run_id),
            heartbeats.pulse(mine.database, run_id, mine.deployment.lost_after),
            mine.database.connection() as conn,
        ):
            synced = licenses.sync(conn, mine.deployment, mine.client, run_id)
    except AlreadyRunning as other:
        return str(other)
    except Exception as error:
        base.end(self, run_id, error)
        raise
    workflow.after(Source.SPDX, run_id)
    did = "rewritten" if synced.rewritten else "unchanged"
    return f"run {run_id}: SPDX list {synced.version} {did}, {many(synced.licenses, 'license')}"


@app.task(bind=True, name="checks.run_gate", max_retries=TRIES, default_retry_delay=5)
def run_gate(self: Task, gate: str, run_id: int | None = None) -> str:
    """Measure and record the checks of one gate; a blocking one that fails makes this task red and ends its chain.

    Pass: "raw_nuget_packages", "raw_spdx_licenses" or "enriched_nuget_package_oss_status".
    """
    mine = process.current()
    try:
        with logs.about(run=run_id), mine.database.connection() as conn:
            results = gates.after(conn, mine.deployment, gate, run_id)
    except base.PASSING as error:
        raise base.later(self, error) from error
    warned = [result.name for result in results if not result.passed]
    return f"{gate}: {many(len(results), 'check')}, " + (f"warnings: {', '.join(warned)}" if warned else "all passed")


@app.task(bind=True, name="verdicts.classify", max_retries=TRIES, default_retry_delay=5)
def classify(self: Task, run_id: int | None = None) -> str:
    """Decide every package whose inputs, license list, policy or ruleset changed since its verdict.

    Pass: nothing, from a shell; `run_id` names the run that triggered it. No network is used. Beside another
    classification this one waits, and then finds nothing pending.
    """
    mine = process.current()
    try:
        with logs.about(run=run_id), mine.database.connection() as conn:
            migrations.require_schema(conn)
            own_id, done = classification.perform(
                mine.database, conn, mine.deployment, task_id=self.request.id, cause_id=run_id
            )
    except base.PASSING as error:
        raise base.later(self, error) from error
    if done.idle:
        return f"run {own_id}: nothing was pending"
    return f"run {own_id}: {done.decided} decided, {done.changed} verdicts changed, {done.removed} removed"


@app.task(name="ops.upkeep")
def upkeep() -> str:
    """Find lost runs, send lost callbacks again, record freshness, apply the schedules. Runs every minute by itself.

    Pass: nothing. Safe at any time.
    """
    mine = process.current()
    with mine.database.connection() as conn:
        migrations.require_schema(conn)
        return recovery.tend(conn, mine.deployment)
