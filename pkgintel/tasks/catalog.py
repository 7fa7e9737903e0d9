"""The tasks that read the catalog: a scan with its pages and its callback, and replays of what was read before."""

import logging
from collections.abc import Callable
from functools import partial

from pkgintel.pipeline import page, reading, replay, replay_here, runs, scan, unread
from pkgintel.pipeline.page_write import PageResult
from pkgintel.pipeline.replay import ReplayRequest
from pkgintel.pipeline.replay_here import ReplayOptions
from pkgintel.pipeline.states import Action, Kind, Source
from pkgintel.runtime import logs
from pkgintel.tasks import recovery, workflow
from pkgintel.tasks.base import TRIES, Task, task
from pkgintel.text import many

log = logging.getLogger(__name__)


@task(name="catalog.scan")
def scan_catalog(
    self: Task,
    kind: str = Kind.MANUAL.value,
    root_id: int | None = None,
    max_pages: int | None = None,
    cause_id: int | None = None,
) -> str:
    """Look for pages newer than the watermark and start their chord; says what it found.

    Pass: nothing, from a shell, or `max_pages` to read no more than so many. `kind` distinguishes scheduled, manual and
    fallback scans apart; `root_id` continues a chain, `cause_id` names a lost run that this one takes over.
    Safe beside the fleet: while a scan is running, this one is recorded as skipped.
    """
    mine, ids = self.process, {"task_id": self.request.id, "root_id": root_id, "cause_id": cause_id}
    with self.connection() as conn:
        recovery.recover(conn, mine.deployment, go_on=False)  # Where no beat runs, a tick sends lost messages again.
        run_id = runs.open_run(conn, Source.NUGET, Action.SCAN, Kind(kind), **ids)
    with self.carrying(run_id) as conn, mine.leasing(mine.deployment.service_index_url) as limit:
        plan = scan.plan(conn, mine.deployment, mine.client, run_id, max_pages, limit)
        workflow.after_plan(conn, mine.deployment, run_id, plan)
    return str(plan or f"run {run_id}: caught up, nothing is newer than the watermark")


# Events say that a page has begun; its result, which nobody waits for, need not.
@task(name="catalog.upsert_page", track_started=False)
def upsert_page(self: Task, run_id: int, page_url: str) -> dict[str, int | str]:
    """Fetch one page of a run with its leaves and store them, in one transaction that also marks the page done.

    Pass: the run's id and the page's address, as `catalog.scan` does. A page that is done already is left alone.
    """
    return _store(self, page.store_page, run_id, page_url)


@task(name="catalog.finish_scan")
def finish_scan(self: Task, run_id: int) -> str:
    """Close a run whose pages are all done: move the watermark, start its gate, and the next scan while pages remain.

    Pass: the run's id. Safe to repeat; a run with pages still to do stays as it is.
    """
    with self.connection(run_id) as conn:
        end = scan.finish(conn, self.process.deployment, run_id)
        workflow.after_scan(conn, self.process.deployment, end)
    return str(end)


@task(name="catalog.read")
def read_unread(self: Task, cause_id: int | None = None) -> str:
    """Read leaves of versions that are known and unread: those that decide who speaks, else the rest, if it is wanted.

    Pass: nothing, from a shell; `cause_id` names the run that this one follows. One at a time; safe beside scans.
    """
    mine = self.process
    with self.connection() as conn:
        run_id = reading.begin(conn, mine.deployment, cause_id, self.request.id)
        if run_id is None:
            workflow.after_nothing_read(conn, mine.deployment, cause_id)
            return "nothing that is wanted stands unread, or it is being read"
    with self.carrying(run_id) as conn, mine.leasing(mine.deployment.service_index_url) as limit:
        plan = reading.plan(conn, mine.deployment, mine.client, run_id, limit)
        workflow.leaves(run_id, plan.pages)
    return str(plan)


@task(name="catalog.read_leaves", track_started=False)
def read_leaves(self: Task, run_id: int, name: str) -> dict[str, int | str]:
    """Fetch the unread leaves of one page of a run and store them, in one transaction that also marks the page done.

    Pass: the run's id and the page's name, as `catalog.read` does. A page that is done already is left alone.
    """
    return _store(self, unread.store_leaves, run_id, name)


def _store(self: Task, store: Callable[..., PageResult], run_id: int, name: str) -> dict[str, int | str]:
    """Store a page as `store` does, which gets what the process has; a failure is written beside the page."""
    mine = self.process
    failed = partial(page.record_failure, mine.database, run_id, name)
    with logs.about(run=run_id, page=name.rpartition("/")[2]), self.trying(run_id, failed):
        result = store(mine.database, mine.deployment, mine.client, mine.leasing, run_id, name, progress=self.progress)
        log.info("%s", result)
    return result.facts()


@task(name="catalog.finish_read")
def finish_read(self: Task, run_id: int) -> str:
    """Close a run that read leaves: the next round while a speaker is uncertain, else its gate, and more of the rest.

    Pass: the run's id. Safe to repeat; a run with pages still to do stays as it is.
    """
    with self.connection(run_id) as conn:
        end = reading.finish(conn, self.process.deployment, run_id)
        workflow.after_read(conn, self.process.deployment, end)
    return str(end)


@task(name="catalog.fail_scan")
def fail_scan(self: Task, failed_id: str, *, run_id: int) -> str:
    """The errback of a chord: close the run with the reason of its first failed page.

    Pass: nothing by hand; the chord passes the id of the task that failed. Rows decide, not the chord: it also breaks
    when Redis goes away as a page ends well.
    """
    why = f"the task {failed_id} failed; the worker's log has its traceback"
    with self.connection(run_id) as conn:
        return workflow.after_break(conn, scan.fail(conn, run_id, why, TRIES))


@task(name="catalog.replay")
def replay_pages(
    self: Task,
    package: str | None = None,
    page: str | None = None,
    since: str | None = None,
    until: str | None = None,
    rejected: bool = False,
    everything: bool = False,
    from_raw: bool = False,
    dry_run: bool = False,
    accept: bool = False,
    accept_count: bool = False,
    why: str = "",
) -> str:
    """Read again what was read before, as a manual run beside the fleet; the watermark is never moved.

    Pass exactly one of: package="Newtonsoft.Json", page="https://…/page7.json", since="2026-09-30" (and until=…),
    rejected=True, everything=True. The same as `pkgintel reprocess`, with its options: from_raw=True, dry_run=True,
    accept=True, accept_count=True, why="…".
    """
    mine, request = self.process, ReplayRequest(package, page, since, until, rejected, everything)
    with self.connection() as conn:
        options = ReplayOptions(from_raw, dry_run, accept, accept_count, why)
        here = replay_here.perform(conn, mine.deployment, mine.client, request, options, "a task")
        if here is not None:
            return workflow.after_replay(here)
        run_id, urls = replay.open_run(conn, mine.deployment, mine.client, request, self.request.id)
    with self.sending(run_id):
        workflow.replay_pages(run_id, urls)
    return f"run {run_id}: reading again {request}, {many(len(urls), 'page')}"


@task(name="catalog.finish_replay")
def finish_replay(self: Task, run_id: int) -> str:
    """The callback of a replay: close it, see whether it frees a blocked scan, then gate and classify.

    Pass: the run's id.
    """
    with self.connection(run_id) as conn:
        ended = replay.finish(conn, run_id)
        freed = replay.unblock(conn, self.process.deployment) if ended else None
        if ended:
            workflow.after(conn, self.process.deployment, Source.NUGET, run_id)
    return f"run {run_id} is {'done' if ended else 'still running'}" + (f"; {freed}" if freed else "")
