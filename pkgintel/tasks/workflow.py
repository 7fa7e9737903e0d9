"""Which task starts which: the one chord of a scan and the chain behind it. Tasks are named, not imported.

catalog.scan ─▶ chord[ catalog.upsert_page × n ] ─▶ catalog.finish_scan ─▶ (next scan, while pages remain)
                                                           │
     checks.run_gate ─▶ verdicts.classify ─▶ checks.run_gate
"""

from collections.abc import Mapping, Sequence
from typing import Any

from celery import chain, chord
from celery.canvas import Signature

from pkgintel.celery import app
from pkgintel.pipeline.checks import LICENSES, PACKAGES, VERDICTS


def pages(run_id: int, page_urls: Sequence[str]) -> None:
    """Start the chord of a scan: a task for each page, then its callback, or its errback when a page failed."""
    _start(run_id, page_urls, "scan", "pages")


def replay_pages(run_id: int, page_urls: Sequence[str]) -> None:
    """Start the chord of a replay."""
    _start(run_id, page_urls, "replay", "replays")


def _start(run_id: int, page_urls: Sequence[str], action: str, queue: str) -> None:
    """With no page to read the callback comes at once."""
    if page_urls:
        _chord(run_id, page_urls, finish(run_id, action), queue)
    else:
        finish(run_id, action).apply_async()


def _chord(run_id: int, page_urls: Sequence[str], callback: Signature, queue: str) -> None:
    header = []
    for url in page_urls:
        told = f"(run {run_id}, {url.rpartition('/')[2]})"
        header.append(_task("catalog.upsert_page", run_id, url).set(argsrepr=told, queue=queue))
    callback.on_error(app.signature("catalog.fail_scan", kwargs={"run_id": run_id}))
    chord(header, callback).apply_async()


def finish(run_id: int, action: str) -> Signature:
    """The callback of a scan or a replay, alone: for the chord, and for when it has to be sent again."""
    return _task(f"catalog.finish_{action}", run_id).set(argsrepr=f"(run {run_id})")


def next_scan(kind: str, root_id: int | None = None, max_pages: int | None = None, cause_id: int | None = None) -> None:
    """Start a scan: one that continues the chain of `root_id`, or follows the run `cause_id`, or a new one."""
    kwargs = {"kind": kind, "root_id": root_id, "max_pages": max_pages, "cause_id": cause_id}
    app.signature("catalog.scan", kwargs=kwargs, immutable=True).apply_async()


def next_sync(kind: str, cause_id: int | None = None) -> None:
    """Start a sync of the license list, perhaps to take over the lost run `cause_id`."""
    app.signature("spdx.sync", kwargs={"kind": kind, "cause_id": cause_id}, immutable=True).apply_async()


def go_on(run: Mapping[str, Any]) -> None:
    """Start what a row of `runs/to_go_on` asks for."""
    if run["action"] == "sync":
        next_sync(run["kind"], cause_id=run["id"])
    elif run["more"]:
        next_scan(run["kind"], run["root_id"], run["pages_left"])
    else:
        next_scan(run["kind"], max_pages=run["pages_left"] or None, cause_id=run["id"])


def after(source: str, run_id: int) -> None:
    """What follows from a finished run: its gate, the classifier, the classifier's gate. A failing gate ends it."""
    gate = {"nuget": PACKAGES, "spdx": LICENSES}[source]
    chain(
        _task("checks.run_gate", gate, run_id),
        _task("verdicts.classify", run_id),
        _task("checks.run_gate", VERDICTS, run_id),
    ).apply_async()


def classify(run_id: int) -> None:
    """What a gate held back when it was closed behind run `run_id`: the classifier and its gate."""
    chain(_task("verdicts.classify", run_id), _task("checks.run_gate", VERDICTS, run_id)).apply_async()


def _task(name: str, *args: object) -> Signature:
    return app.signature(name, args=args, immutable=True)
