"""The tasks, as Flower and a Python shell name them: each is one plain function with a queue, a retry policy and a log.

    from pkgintel.tasks import scan, sync, classify, run_gate
    scan.delay()                # look for new pages now; safe beside the fleet: a second scan is skipped
    classify.delay()            # decide what is pending; nothing pending means nothing done

All may run twice, in any order, on any worker.
"""

import logging
import random
from contextlib import suppress
from typing import Any

import psycopg
from celery import Task
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from pkgintel import classify as classification
from pkgintel import db, deployment, journal, ledger, licenses, page, workflow
from pkgintel import gate as gates
from pkgintel import replay as replays
from pkgintel import scan as scans
from pkgintel import upkeep as upkeeping
from pkgintel.celery import app
from pkgintel.errors import PkgintelError, ServiceUnavailable, UpstreamUnavailable
from pkgintel.fleet import Fleet
from pkgintel.replay import Wanted
from pkgintel.scan import TRIES
from pkgintel.settings import Settings
from pkgintel.shown import many
from pkgintel.wire import wire

log = logging.getLogger(__name__)

PASSING = (UpstreamUnavailable, ServiceUnavailable, psycopg.OperationalError, RedisError, BrokerError)


def _later(task: Task, error: Exception, run_id: int | None = None) -> Exception:
    """What to raise so that Celery runs the task again: soon at first, then less so, never all at once."""
    wait = max(getattr(error, "retry_after", 0.0), min(60.0, 2.0 ** (task.request.retries + 1)))
    wait *= random.uniform(1.0, 1.3)  # noqa: S311 (jitter)
    log.warning("%s: tried again in %.0f s: %s", task.name, wait, error)
    if run_id is not None:
        with suppress(psycopg.Error, PkgintelError), db.connection(_database(deployment.current())) as conn:
            db.run(conn, "runs/wait", id=run_id, seconds=wait)
    again: Exception = task.retry(exc=error, countdown=wait, throw=False)
    return again


def _fleet(settings: Settings) -> Fleet:
    return Fleet(settings.redis_url or "", settings.max_in_flight)


def _last(task: Task) -> bool:
    return bool(task.request.retries >= (task.max_retries or 0))


def _database(settings: Settings) -> str:
    assert settings.database_url is not None  # noqa: S101 (deployment.current fills it in)
    return settings.database_url


@app.task(bind=True, name="catalog.scan", max_retries=TRIES, default_retry_delay=5)
def scan(
    self: Task,
    kind: ledger.Kind = "manual",
    root_id: int | None = None,
    max_pages: int | None = None,
    cause_id: int | None = None,
) -> str:
    """Look for pages newer than the watermark and start their chord; says what it found.

    Pass: nothing, from a shell, or `max_pages` to read no more than so many. `kind` tells scheduled, manual and
    fallback scans apart; `root_id` continues a chain, `cause_id` names a lost run that this one takes over.
    Safe beside the fleet: while a scan is running, this one is recorded as skipped.
    """
    settings = deployment.current()
    run_id = None
    try:
        with db.connection(_database(settings)) as conn:
            db.require_schema(conn)
            # Where no beat runs, a tick is what sends lost messages again.
            upkeeping.recover(conn, settings, go_on=False)
            run_id, reason = scans.open_run(conn, settings, kind, self.request.id, root_id, cause_id)
        if run_id is None:
            return reason
        line = wire(settings)
        with (
            journal.about(run=run_id),
            ledger.pulse(settings, run_id),
            _fleet(settings).gauge(line, settings.service_index_url) as gauge,
            db.connection(_database(settings)) as conn,
        ):
            opened = scans.plan(conn, settings, line, run_id, max_pages, gauge)
        if opened is not None:
            workflow.pages(run_id, opened.pages)
    except PASSING as error:
        if not _last(self):
            raise _later(self, error, run_id) from error
        _close_failed(settings, run_id, error)
        raise
    except Exception as error:
        _close_failed(settings, run_id, error)
        raise
    if opened is None:
        return f"run {run_id}: caught up, nothing is newer than the watermark"
    return f"run {run_id}: {many(len(opened.pages), 'page')} to read"


@app.task(bind=True, name="catalog.upsert_page", max_retries=TRIES, default_retry_delay=5)
def upsert_page(self: Task, run_id: int, page_url: str) -> dict[str, Any]:
    """Fetch one page of a run with its leaves and store them, in one transaction that also marks the page done.

    Pass: the run's id and the page's address, as `catalog.scan` does. A page that is done already is left alone.
    """
    settings = deployment.current()

    def progress(text: str) -> None:
        with suppress(BrokerError, RedisError, OSError):  # Redis may be away; that is no trouble of the page.
            self.send_event("task-progress", result=f"{page_url.rpartition('/')[2]}: {text}")

    with journal.about(run=run_id, task=self.request.id, page=page_url.rpartition("/")[2]):
        try:
            line = wire(settings)
            host = page_url if page_url.startswith("http") else settings.service_index_url  # A replay's "package x".
            with _fleet(settings).gauge(line, host) as gauge:
                stored = page.store_page(settings, line, gauge, run_id, page_url, progress=progress)
        except PASSING as error:
            page.record_failure(settings, run_id, page_url, error, final=_last(self))
            if _last(self):
                raise
            raise _later(self, error, run_id) from error
        except Exception as error:
            page.record_failure(settings, run_id, page_url, error, final=True)
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
    settings = deployment.current()
    try:
        with journal.about(run=run_id), db.connection(_database(settings)) as conn:
            finished = scans.finish(conn, settings, run_id)
            run = db.one(conn, "runs/get", id=run_id) or {}
            following = db.every(conn, "runs/to_go_on", id=run_id, after=0.0)
        if finished.state == "done" and not run["settled_at"]:
            workflow.after("nuget", run_id)
            for row in following:
                workflow.go_on(row)
    except PASSING as error:
        raise _later(self, error) from error
    if finished.state != "done":
        return f"run {run_id} is {finished.state}"
    more = "; more pages remain" if finished.more else ""
    return f"run {run_id} is done: {many(finished.leaves, 'leaf', 'leaves')}, {finished.rejected} rejected{more}"


@app.task(bind=True, name="catalog.fail_scan", max_retries=TRIES, default_retry_delay=5)
def fail_scan(self: Task, failed_id: str, *, run_id: int) -> str:
    """The errback of a chord: close the run with the reason of its first failed page.

    Pass: nothing by hand; the chord passes the id of the task that failed. Rows decide, not the chord: it also breaks
    when Redis goes away as a page ends well.
    """
    settings = deployment.current()
    try:
        with db.connection(_database(settings)) as conn:
            state = scans.fail(conn, run_id, f"the task {failed_id} failed; the worker's log has its traceback")
            run = db.one(conn, "runs/get", id=run_id) or {}
            following = db.every(conn, "runs/to_go_on", id=run_id, after=0.0)
        if state == "running":
            workflow.finish(run_id, run["action"]).apply_async()
        for row in following:
            workflow.go_on(row)
    except PASSING as error:
        raise _later(self, error) from error
    if state == "running":
        return f"run {run_id}: every page is done, so its callback is sent again"
    return f"run {run_id} is {state}"


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
    settings = deployment.current()
    wanted = Wanted(package=package, page=page, since=since, until=until, rejected=rejected)
    try:
        with db.connection(_database(settings)) as conn:
            db.require_schema(conn)
            run_id, urls = replays.open_run(conn, settings, wire(settings), wanted, self.request.id)
    except PASSING as error:
        raise _later(self, error) from error
    try:
        workflow.replay_pages(run_id, urls)
    except Exception as error:
        _close_failed(settings, run_id, error)
        raise
    return f"run {run_id}: {wanted} is read again, {many(len(urls), 'page')}"


@app.task(bind=True, name="catalog.finish_replay", max_retries=TRIES, default_retry_delay=5)
def finish_replay(self: Task, run_id: int) -> str:
    """The callback of a replay: close it, see whether it frees a blocked scan, then gate and classify.

    Pass: the run's id.
    """
    settings = deployment.current()
    try:
        with db.connection(_database(settings)) as conn:
            ended = replays.finish(conn, run_id)
            freed = replays.unblock(conn, settings) if ended else None
    except PASSING as error:
        raise _later(self, error) from error
    if ended:
        workflow.after("nuget", run_id)
    return f"run {run_id} is {'done' if ended else 'still running'}" + (f"; {freed}" if freed else "")


@app.task(bind=True, name="spdx.sync", max_retries=TRIES, default_retry_delay=5)
def sync(self: Task, kind: ledger.Kind = "manual", cause_id: int | None = None) -> str:
    """Rewrite the SPDX license list if its version changed, then run its gate and the classifier.

    Pass: nothing, from a shell.
    """
    settings = deployment.current()
    run_id = None
    try:
        with db.connection(_database(settings)) as conn:
            db.require_schema(conn)
            scans.free_lost(conn, settings)
            run_id, reason = ledger.begin(conn, "spdx", "sync", kind, task_id=self.request.id, cause_id=cause_id)
        if run_id is None:
            return reason
        with journal.about(run=run_id), ledger.pulse(settings, run_id), db.connection(_database(settings)) as conn:
            synced = licenses.sync(conn, settings, wire(settings), run_id)
    except PASSING as error:
        if not _last(self):
            raise _later(self, error, run_id) from error
        _close_failed(settings, run_id, error)
        raise
    except Exception as error:
        _close_failed(settings, run_id, error)
        raise
    workflow.after("spdx", run_id)
    did = "rewritten" if synced.rewritten else "unchanged"
    return f"run {run_id}: SPDX list {synced.version} {did}, {many(synced.licenses, 'license')}"


@app.task(bind=True, name="checks.run_gate", max_retries=TRIES, default_retry_delay=5)
def run_gate(self: Task, gate: str, run_id: int | None = None) -> str:
    """Measure and record the checks of one gate; a blocking one that fails makes this task red and ends its chain.

    Pass: "raw_nuget_packages", "raw_spdx_licenses" or "enriched_nuget_package_oss_status".
    """
    settings = deployment.current()
    try:
        with journal.about(run=run_id), db.connection(_database(settings)) as conn:
            results = gates.after(conn, settings, gate, run_id)
    except PASSING as error:
        raise _later(self, error) from error
    warned = [result.name for result in results if not result.passed]
    return f"{gate}: {many(len(results), 'check')}, " + (f"warnings: {', '.join(warned)}" if warned else "all passed")


@app.task(bind=True, name="verdicts.classify", max_retries=TRIES, default_retry_delay=5)
def classify(self: Task, run_id: int | None = None) -> str:
    """Decide every package whose inputs, license list, policy or ruleset changed since its verdict.

    Pass: nothing, from a shell; `run_id` names the run that triggered it. No network is used. Beside another
    classification this one waits, and then finds nothing pending.
    """
    settings = deployment.current()
    try:
        with journal.about(run=run_id), db.connection(_database(settings)) as conn:
            db.require_schema(conn)
            own_id, done = classification.perform(conn, settings, task_id=self.request.id, cause_id=run_id)
    except PASSING as error:
        raise _later(self, error) from error
    if done.idle:
        return f"run {own_id}: nothing was pending"
    return f"run {own_id}: {done.decided} decided, {done.changed} verdicts changed, {done.removed} removed"


@app.task(name="ops.upkeep")
def upkeep() -> str:
    """Find lost runs, send lost callbacks again, record freshness, apply the schedules. Runs every minute by itself.

    Pass: nothing. Safe at any time.
    """
    settings = deployment.current()
    with db.connection(_database(settings)) as conn:
        db.require_schema(conn)
        return upkeeping.tend(conn, settings)


def _close_failed(settings: Settings, run_id: int | None, error: Exception, state: str = "failed") -> None:
    """Write how a run ended, if it had begun; where even that fails, its missing heartbeat will tell."""
    if run_id is None:
        return
    words = str(error) if isinstance(error, PkgintelError) else f"{type(error).__name__}: {error}"
    try:
        with db.connection(_database(settings)) as conn:
            ledger.close(conn, run_id, state, error=words, error_type=type(error).__name__)
    except (psycopg.Error, PkgintelError):
        log.exception("run %s could not be closed", run_id)
