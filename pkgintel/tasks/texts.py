"""The tasks that read license texts: which are due, a host's files one after the other, and what they say."""

import logging
from functools import partial

from pkgintel.pipeline import page, runs, text_fetch, text_reading, text_sources
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.runtime import logs
from pkgintel.tasks import recovery, workflow
from pkgintel.tasks.base import Task, task
from pkgintel.text import many

log = logging.getLogger(__name__)


@task(name="texts.fetch")
def fetch_texts(self: Task, kind: str = Kind.MANUAL.value, cause_id: int | None = None) -> str:
    """Find the license files that packages point at and that are due, and start a task for each host that has some.

    Pass: nothing, from a shell. Safe beside the fleet: while one is running, this one is recorded as skipped.
    """
    mine, ids = self.process, {"task_id": self.request.id, "cause_id": cause_id}
    with self.connection() as conn:
        recovery.free_lost(conn, mine.deployment)
        run_id = runs.open_run(conn, Source.TEXTS, Action.FETCH, Kind(kind), **ids)
    with self.carrying(run_id) as conn:
        plan = text_sources.plan(conn, mine.deployment, mine.client, run_id)
        workflow.hosts(run_id, plan.hosts)
    return f"run {run_id}: {many(plan.files, 'license file')} of {many(len(plan.hosts), 'host')}"


@task(name="texts.fetch_host")
def fetch_host(self: Task, run_id: int, host: str) -> str:
    """Ask one host for the license files of a run, one after the other, and keep each as soon as it is there.

    Pass: the run's id and the host, as `texts.fetch` does. What the run has asked for already is left alone.
    """
    mine, failed = self.process, partial(page.record_failure, self.process.database, run_id, host)
    with logs.about(run=run_id, page=host), self.trying(run_id, failed):
        with mine.limit.lease(mine.client, text_sources.server(mine.deployment, host)) as limit:
            result = text_fetch.fetch_host(
                mine.database, mine.deployment, mine.client, limit, run_id, host, progress=self.progress
            )
        log.info("%s", result)
    return str(result)


@task(name="texts.finish_fetch")
def finish_fetch(self: Task, run_id: int) -> str:
    """Close a run whose hosts are all done, and have what was fetched read and judged.

    Pass: the run's id. Safe to repeat; a run with hosts still to do stays as it is.
    """
    with self.connection(run_id) as conn:
        run = text_fetch.finish(conn, run_id)
        if run.state in (State.DONE, State.CAUGHT_UP) and not run.settled:
            workflow.after(conn, self.process.deployment, Source.TEXTS, run_id)
    return f"run {run_id} is {run.state}"


@task(name="texts.match")
def match_texts(self: Task, run_id: int | None = None) -> str:
    """Read the stored license texts that this release's reader has not read with the stored license list.

    Pass: nothing, from a shell; `run_id` names the run that triggered it. No network is used.
    """
    with self.connection(run_id) as conn:
        return str(text_reading.match(conn, self.process.deployment, run_id))
