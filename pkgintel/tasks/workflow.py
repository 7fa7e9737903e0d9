"""Which task starts which: the one chord of a scan and the chain behind it. Tasks are named, not imported.

catalog.scan ─▶ chord[ catalog.upsert_page × n ] ─▶ catalog.finish_scan ─▶ (next scan, while pages remain)
                                                           │
catalog.read ─▶ chord[ catalog.read_leaves × n ] ─▶ catalog.finish_read ─▶ (next round, while a speaker is uncertain)
                                                           │
     checks.run_gate ─▶ verdicts.classify ─▶ checks.run_gate

texts.fetch ─▶ chord[ texts.fetch_host × n ] ─▶ texts.finish_fetch ─▶ texts.match ─▶ (the same chain)
"""

from collections.abc import Sequence

from celery import chain, chord
from celery.canvas import Signature

from pkgintel.celery import app
from pkgintel.database import Connection
from pkgintel.pipeline import checks, follow_up, reading, runs, sequels
from pkgintel.pipeline.reading import ReadEnd
from pkgintel.pipeline.replay_here import DoneHere
from pkgintel.pipeline.runs import Run
from pkgintel.pipeline.scan import ScanEnd, ScanPlan
from pkgintel.pipeline.sequels import Continuation
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.runtime import orphans
from pkgintel.settings import Settings


def pages(run_id: int, page_urls: Sequence[str]) -> None:
    """Start the chord of a scan: a task for each page, then its callback, or its errback when a page failed."""
    send_pages(run_id, Action.SCAN, page_urls)


def leaves(run_id: int, names: Sequence[str]) -> None:
    """Start the chord of a run that reads unread leaves, beside the scans."""
    send_pages(run_id, Action.READ, names)


def replay_pages(run_id: int, page_urls: Sequence[str]) -> None:
    """Start the chord of a replay."""
    send_pages(run_id, Action.REPLAY, page_urls)


def hosts(run_id: int, hosts: Sequence[str]) -> None:
    """Start the chord of a run that reads license texts: a task for each host."""
    send_pages(run_id, Action.FETCH, hosts)


def send_pages(run_id: int, action: Action, page_urls: Sequence[str]) -> None:
    """Start the chord of a run that reads pages, or what stands for them; without any the callback comes at once."""
    queue = "pages" if action is Action.SCAN else "replays"
    orphans.note_sent(app.backend.client)
    if page_urls:
        name = HEADER.get(action, "catalog.upsert_page")
        _chord(name, run_id, page_urls, finish(run_id, action), queue)
    else:
        finish(run_id, action).apply_async()


HEADER = {Action.READ: "catalog.read_leaves", Action.FETCH: "texts.fetch_host"}  # The others read pages.


def _chord(name: str, run_id: int, page_urls: Sequence[str], callback: Signature, queue: str) -> None:
    header = []
    for url in page_urls:
        told = f"(run {run_id}, {url.rpartition('/')[2]})"
        header.append(_task(name, run_id, url).set(argsrepr=told, queue=queue))
    callback.on_error(app.signature("catalog.fail_scan", kwargs={"run_id": run_id}))
    chord(header, callback).apply_async()


def finish(run_id: int, action: Action) -> Signature:
    """The callback of a run of pages, alone: for the chord, and for when it has to be sent again."""
    return _task(f"{'texts' if action is Action.FETCH else 'catalog'}.finish_{action}", run_id).set(
        argsrepr=f"(run {run_id})"
    )


def next_scan(
    kind: Kind, root_id: int | None = None, max_pages: int | None = None, cause_id: int | None = None
) -> None:
    """Start a scan: one that continues the chain of `root_id`, or follows the run `cause_id`, or a new one."""
    kwargs = {"kind": kind.value, "root_id": root_id, "max_pages": max_pages, "cause_id": cause_id}
    app.signature("catalog.scan", kwargs=kwargs, immutable=True).apply_async()


def next_read(cause_id: int | None = None) -> None:
    """Start reading what is known and unread, as far as it is wanted, behind the run `cause_id`."""
    app.signature("catalog.read", kwargs={"cause_id": cause_id}, immutable=True).apply_async()


def next_sync(kind: Kind, cause_id: int | None = None) -> None:
    """Start a sync of the license list, perhaps to take over the lost run `cause_id`."""
    app.signature("spdx.sync", kwargs={"kind": kind.value, "cause_id": cause_id}, immutable=True).apply_async()


def next_fetch(kind: Kind, cause_id: int | None = None) -> None:
    """Start a reading of license texts, perhaps to take over the lost run `cause_id`."""
    app.signature("texts.fetch", kwargs={"kind": kind.value, "cause_id": cause_id}, immutable=True).apply_async()


def go_on(one: Continuation) -> None:
    """Start the scan, the sync or the reading of texts that has to follow a run."""
    if one.action is Action.SYNC:
        next_sync(one.kind, cause_id=one.id)
    elif one.action is Action.FETCH:
        next_fetch(one.kind, cause_id=one.id)
    elif one.action is Action.READ:
        next_read(one.id)
    elif one.more:
        next_scan(one.kind, one.root_id, one.pages_left)
    else:
        next_scan(one.kind, max_pages=one.pages_left or None, cause_id=one.id)


def after(conn: Connection, settings: Settings, source: Source, run_id: int) -> None:
    """What follows from a finished run: its gate, the classifier, the classifier's gate. A failing gate ends it.

    Where speakers are uncertain, their leaves are read first, unless that is under way: its end has a gate of its own.
    """
    wanted = reading.wanted(conn, settings) if source is Source.NUGET else None
    if wanted and wanted.speakers and not reading.is_running(conn):
        next_read(run_id)
    else:
        _follow_up(source, run_id)
        if wanted and wanted.rest and not reading.is_running(conn):
            next_read(run_id)


def after_replay(done: DoneHere) -> str:
    """What follows from a replay that read no page, where it changed something; says what that did."""
    if done.changed:
        _follow_up(Source.NUGET, None)
    return done.said


def match() -> None:
    """Read stored license texts again, then classify: what follows from a new reader, which no run brought."""
    chain(_task("texts.match"), _task("verdicts.classify"), _task("checks.run_gate", checks.VERDICTS)).apply_async()


def classify(run_id: int) -> None:
    """What a gate held back when it was closed behind run `run_id`: the classifier and its gate."""
    _follow_up(None, run_id)


def after_scan(conn: Connection, settings: Settings, end: ScanEnd) -> None:
    """What follows from a scan that ended well, unless it is through: its gate, and the next scan where one has to.

    In a chain that makes versions known, the last one sees to all that follows.
    """
    if end.state is State.DONE and not end.settled:
        if end.knows and end.more:
            runs.settle(conn, end.run_id)
        else:
            after(conn, settings, Source.NUGET, end.run_id)
        _go_on_from(conn, end.run_id)


def after_plan(conn: Connection, settings: Settings, run_id: int, plan: ScanPlan | None) -> None:
    """Start the pages of a scan; where it found nothing new, what an earlier one left unread, if that is wanted."""
    if plan is not None:
        pages(run_id, plan.pages)
    elif reading.wanted(conn, settings) and not reading.is_running(conn):
        runs.announce(conn, run_id)
        next_read(run_id)


def after_nothing_read(conn: Connection, settings: Settings, cause_id: int | None) -> None:
    """What follows from run `cause_id` where there was nothing to read behind it, or another run reads it."""
    cause = runs.get(conn, cause_id) if cause_id is not None else None
    if cause is not None:
        runs.announce(conn, cause.id, more=False)
        if cause.state.good and not cause.settled:
            after(conn, settings, Source.NUGET, cause.id)


def after_read(conn: Connection, settings: Settings, end: ReadEnd) -> None:
    """What follows from a run that read leaves: the next round, or more of the rest; else the gate, then the rest."""
    if end.state is State.DONE and not end.settled:
        if end.rest and reading.wanted(conn, settings):
            next_read(end.run_id)
        else:
            after(conn, settings, Source.NUGET, end.run_id)


def after_break(conn: Connection, run: Run) -> str:
    """What follows from a chord that broke: its callback where every page is done, else what goes on. Says which."""
    if run.state is State.RUNNING:
        finish(run.id, run.action).apply_async()
        return f"run {run.id}: every page is done, so its callback is sent again"
    _go_on_from(conn, run.id)
    return f"run {run.id} is {run.state}"


def _go_on_from(conn: Connection, run_id: int) -> None:
    for one in sequels.continuations(conn, run_id=run_id):
        go_on(one)


_STEPS = {follow_up.CLASSIFIER: "verdicts.classify", follow_up.READER: "texts.match"}


def _follow_up(source: Source | None, run_id: int | None) -> None:
    tasks = []
    for step in follow_up.steps(source):
        name = _STEPS.get(step)
        tasks.append(_task(name, run_id) if name else _task("checks.run_gate", step, run_id))
    chain(*tasks).apply_async()


def resume(run: Run) -> str:
    """Start what goes on with what `run` left undone; the name of the task that was sent."""
    if run.action is Action.SCAN:
        next_scan(Kind.MANUAL, cause_id=run.id)
        return "catalog.scan"
    if run.action is Action.READ:
        next_read(run.id)
        return "catalog.read"
    if run.action is Action.SYNC:
        next_sync(Kind.MANUAL, cause_id=run.id)
        return "spdx.sync"
    if run.action is Action.FETCH:
        next_fetch(Kind.MANUAL, cause_id=run.id)
        return "texts.fetch"
    classify(run.id)
    return "verdicts.classify"


def _task(name: str, *args: object) -> Signature:
    return app.signature(name, args=args, immutable=True)
