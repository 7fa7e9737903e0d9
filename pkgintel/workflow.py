"""Which task starts which: the one chord of a scan and the chain behind it. Tasks are named, not imported.

catalog.scan ─▶ chord[ catalog.upsert_page × n ] ─▶ catalog.finish_scan ─▶ (next scan, while pages remain)
                                                           │
     checks.run_gate ─▶ verdicts.classify ─▶ checks.run_gate
"""

from collections.abc import Sequence

from celery import chain, chord
from celery.canvas import Signature

from pkgintel.celery import app
from pkgintel.checks import LICENSES, PACKAGES, VERDICTS


def pages(run_id: int, page_urls: Sequence[str]) -> None:
    """Start the chord of a scan: a task for each page, then its callback, or its errback when a page failed."""
    _chord(run_id, page_urls, finish(run_id))


def replay_pages(run_id: int, page_urls: Sequence[str]) -> None:
    """Start the chord of a replay; with no page to read, its callback at once."""
    callback = _task("catalog.finish_replay", run_id).set(argsrepr=f"(run {run_id})")
    if page_urls:
        _chord(run_id, page_urls, callback)
    else:
        callback.apply_async()


def _chord(run_id: int, page_urls: Sequence[str], callback: Signature) -> None:
    header = [
        _task("catalog.upsert_page", run_id, url).set(argsrepr=f"(run {run_id}, {url.rpartition('/')[2]})")
        for url in page_urls
    ]
    callback.on_error(app.signature("catalog.fail_scan", kwargs={"run_id": run_id}))
    chord(header, callback).apply_async()


def finish(run_id: int) -> Signature:
    """The callback of a scan, alone: for the chord, and for when it has to be sent again."""
    return _task("catalog.finish_scan", run_id).set(argsrepr=f"(run {run_id})")


def next_scan(kind: str, root_id: int | None = None, max_pages: int | None = None, cause_id: int | None = None) -> None:
    """Start a scan: one that continues the chain of `root_id`, or takes over the lost run `cause_id`, or a new one."""
    kwargs = {"kind": kind, "root_id": root_id, "max_pages": max_pages, "cause_id": cause_id}
    app.signature("catalog.scan", kwargs=kwargs, immutable=True).apply_async()


def next_sync(kind: str, cause_id: int | None = None) -> None:
    """Start a sync of the license list, perhaps to take over the lost run `cause_id`."""
    app.signature("spdx.sync", kwargs={"kind": kind, "cause_id": cause_id}, immutable=True).apply_async()


def after(source: str, run_id: int) -> None:
    """What follows from a finished run: its gate, the classifier, the classifier's gate. A failing gate ends it."""
    gate = {"nuget": PACKAGES, "spdx": LICENSES}[source]
    chain(
        _task("checks.run_gate", gate, run_id),
        _task("verdicts.classify", run_id),
        _task("checks.run_gate", VERDICTS, run_id),
    ).apply_async()


def _task(name: str, *args: object) -> Signature:
    return app.signature(name, args=args, immutable=True)
