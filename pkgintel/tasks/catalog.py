"""The tasks that read the catalog: a scan with its pages and its callback, and replays of what was read before."""

import logging
from contextlib import suppress
from typing import Any

from celery import Task
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from pkgintel.celery import app
from pkgintel.database import migrations
from pkgintel.errors import AlreadyRunning
from pkgintel.pipeline import heartbeats, page, runs
from pkgintel.pipeline import replay as replays
from pkgintel.pipeline import scan as scans
from pkgintel.pipeline.replay import Wanted
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.runtime import logs, memory, process
from pkgintel.tasks import base, recovery, workflow
from pkgintel.tasks.base import TRIES
from pkgintel.text import many

log = logging.getLogger(__name__)


@app.task(bind=True, name="catalog.scan", max_retries=TRIES, default_retry_delay=5)
def scan(
    self: Task,
    kind: Kind = Kind.MANUAL,
    root_id: int | None = None,
    max_pages: int | None = None,
    cause_id: int | None = None,
) -> str:
    """Look for pages newer than the watermark and start their chord; says what it found.

    Pass: nothing, from a shell, or `max_pages` to read no more than so many. `kind` distinguishes scheduled, manual and
    fallback scans apart; `root_id` continues a chain, `cause_id` names a lost run that this one takes over.
    Safe beside the fleet: while a scan is running, this one is recorded as skipped.
    """
    mine = process.current()
    run_id = None
    try:
        with mine.database.connection() as conn:
            migrations.require_schema(conn)
            # Where no beat runs, a tick is what sends lost messages again.
            recovery.recover(conn, mine.deployment, go_on=False)
            ids = {"task_id": self.request.id, "root_id": root_id, "cause_id": cause_id}
            run_id = runs.open_run(conn, Source.NUGET, Action.SCAN, Kind(kind), **ids)
        with (
            logs.about(run=run_id),
            heartbeats.pulse(mine.database, run_id, mine.deployment.lost_after),
            mine.limit.lease(mine.client, mine.deployment.service_index_url) as limit,
            mine.database.connection() as conn,
        ):
            opened = scans.plan(conn, mine.deployment, mine.client, run_id, max_pages, limit)
        if opened is not None:
            workflow.pages(run_id, opened.pages)
    except AlreadyRunning as other:
        return str(other)
    except Exception as error:
        base.end(self, run_id, error)
        raise
    if opened is None:
        return f"run {run_id}: caught up, nothing is newer than the watermark"
    return f"run {run_id}: {many(len(opened.pages), 'page')} to read"


@app.task(bind=True, name="catalog.upsert_page", max_retries=TRIES, default_retry_delay=5)
def upsert_page(self: Task, run_id: int, page_url: str) -> dict[str, Any]:
    """Fetch one page of a run with its leaves and store them, in one transaction that also marks the page done.

    Pass: the run's id and the page's address, as `catalog.scan` does. A page that is done already is left alone.
    """
    mine = process.current()

    def progress(text: str) -> None:
        with suppress(BrokerError, RedisError, OSError):  # Redis may be away; that is no trouble of the page.
            self.send_event("task-progress", result=f"{page_url.rpartition('/')[2]}: {text}")

    with logs.about(run=run_id, task=self.request.id, page=page_url.rpartition("/")[2]):
        try:
            # A replay's pages may be named "package x".
            host = page_url if page_url.startswith("http") else mine.deployment.service_index_url
            with mine.limit.lease(mine.client, host) as limit:
                stored = page.store_page(
                    mine.database, mine.deployment, mine.client, limit, run_id, page_url, progress=progress
                )
            memory.give_back()
        except base.PASSING as error:
            page.record_failure(mine.database, run_id, page_url, error, final=base.last(self))
            if base.last(self):
                raise
            raise base.later(self, error, run_id) from error
        except Exception as error:
            page.record_failure(mine.database, run_id, page_url, error, final=True)
            raise
        log.info("%s", stored.note or f"{many(stored.leaves, 'leaf', 'leaves')}, {stored.rejected} rejected")
    if stored.note:
        return {"note": stored.note}
    return {"leaves": stored.leaves, "changed": stored.changed, "rejected": stored.rejected}


@app.task(bind=True, name="catalog.finish_scan", max_retries=TRIES, default_retry_delay=5)
def finish_scan(self: Task, run_id: int) -> str:
    """Close a run whose pages are all done: move the watermark, start its gate, and the next scan while pages remain.

    Pass: the run's id. Safe to repeat; a run with pages still to do stays as it is.
    """
    mine = process.current()
    try:
        with logs.about(run=run_id), mine.database.connection() as conn:
            finished = scans.finish(conn, mine.deployment, run_id)
            run = runs.require(conn, run_id)
            following = runs.continuations(conn, run_id=run_id)
        if finished.state is State.DONE and not run.settled:
            workflow.after(Source.NUGET, run_id)
            for one in following:
                workflow.go_on(one)
    except base.PASSING as error:
        raise base.later(self, error) from error
    if finished.state is not State.DONE:
        return f"run {run_id} is {finished.state}"
    more = "; more pages remain" if finished.more else ""
    return f"run {run_id} is done: {many(finished.leaves, 'leaf', 'leaves')}, {finished.rejected} rejected{more}"


@app.task(bind=True, name="catalog.fail_scan", max_retries=TRIES, default_retry_delay=5)
def fail_scan(self: Task, failed_id: str, *, run_id: int) -> str:
    """The errback of a chord: close the run with the reason of its first failed page.

    Pass: nothing by hand; the chord passes the id of the task that failed. Rows decide, not the chord: it also breaks
    when Redis goes away as a page ends well.
    """
    mine = process.current()
    try:
        with mine.database.connection() as conn:
            why = f"the task {failed_id} failed; the worker's log has its traceback"
            run = scans.fail(conn, run_id, why, TRIES)
            following = runs.continuations(conn, run_id=run_id)
        if run.state is State.RUNNING:
            workflow.finish(run_id, run.action).apply_async()
        for one in following:
            workflow.go_on(one)
    except base.PASSING as error:
        raise base.later(self, error) from error
    if run.state is State.RUNNING:
        return f"run {run_id}: every page is done, so its callback is sent again"
    return f"run {run_id} is {run.state}"


@app.task(bind=True, name="catalog.replay", max_retries=TRIES, default_retry_delay=5)
def replay(
    self: Task,
    package: str | None = None,
    page: str | None = None,
    since: str | None = None,
    until: str | None = None,
    rejected: bool = False,
) -> str:
    """Read again what was read before, as a manual run beside the fleet; the watermark is never moved.

    Pass exactly one of: package="Newtonsoft.Json", page="https://…/page7.json", since="2026-09-30" (and until=…),
    rejected=True. The same as `pkgintel reprocess`.
    """
    mine = process.current()
    wanted = Wanted(package=package, page=page, since=since, until=until, rejected=rejected)
    try:
        with mine.database.connection() as conn:
            migrations.require_schema(conn)
            run_id, urls = replays.open_run(conn, mine.deployment, mine.client, wanted, self.request.id)
    except base.PASSING as error:
        raise base.later(self, error) from error
    try:
        workflow.replay_pages(run_id, urls)
    except Exception as error:
        base.close_failed(run_id, error)
        raise
    return f"run {run_id}: {wanted} is read again, {many(len(urls), 'page')}"


@app.task(bind=True, name="catalog.finish_replay", max_retries=TRIES, default_retry_delay=5)
def finish_replay(self: Task, run_id: int) -> str:
    """The callback of a replay: close it, see whether it frees a blocked scan, then gate and classify.

    Pass: the run's id.
    """
    mine = process.current()
    try:
        with mine.database.connection() as conn:
            ended = replays.finish(conn, run_id)
            freed = replays.unblock(conn, mine.deployment) if ended else None
    except base.PASSING as error:
        raise base.later(self, error) from error
    if ended:
        workflow.after(Source.NUGET, run_id)
    return f"run {run_id} is {'done' if ended else 'still running'}" + (f"; {freed}" if freed else "")
