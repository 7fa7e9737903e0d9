"""`pkgintel runs`: what ran, how it ended and why; stopping a run, and going on with one that ended badly."""

import getpass
import json
from collections.abc import Sequence
from datetime import datetime

import click
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pkgintel import database
from pkgintel.celery import app
from pkgintel.cli.screen import STYLES, console, emit, say, word
from pkgintel.database import migrations
from pkgintel.nuget.instant import iso
from pkgintel.pipeline import runs
from pkgintel.pipeline.states import Action, PageState, Source, State
from pkgintel.reports.gates import RunCheck
from pkgintel.reports.runs import ListedRun, RunPage, ShownRun, listed, shown
from pkgintel.runtime import process
from pkgintel.tasks import recovery
from pkgintel.text import ago, minute, plain, span

SHOWN_PAGES = 12


@click.group("runs", invoke_without_command=True)
@click.option("--source", type=click.Choice([source.value for source in Source]), help="Only runs of this source.")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only runs in this state.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.pass_context
def group(context: click.Context, source: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """The list begins with the newest; `show`, `abort` and `resume` take the number of a run."""
    if context.invoked_subcommand is not None:
        return
    with _database() as conn:
        found = listed(
            conn, source=Source(source) if source else None, state=State(state) if state else None, most=limit
        )
    if as_json:
        emit({"runs": [run.as_json() for run in found]})
        return
    out = console()
    if not found:
        out.print("No run is recorded yet." if not (source or state) else "No such run is recorded.")
        return
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("run", "what", "kind", "state", "started", "took", "pages", "leaves"):
        table.add_column(
            heading, justify="right" if heading in ("run", "took") else "left", no_wrap=heading != "leaves"
        )
    for run in found:
        table.add_row(*_cells(run))
    out.print(table)
    told = [run for run in found if run.error]
    if told:
        out.print("\nWhy")
    for run in told:
        out.print(Text.assemble(f"  {run.id}  ", (plain(run.error, 300), STYLES.get(run.state, ""))))


def _cells(run: ListedRun) -> list[str | Text]:
    paged = bool(run.pages_total)
    pages = f"{run.pages_done}/{run.pages_total}" if paged else "-"
    rejected = f" ({run.rejected:,} rejected)" if run.rejected else ""
    return [
        str(run.id),
        f"{run.source} {run.action}",
        run.kind,
        word(run.state),
        minute(run.started_at)[5:],
        span(run.seconds),
        pages + (f" ({run.pages_failed} failed)" if run.pages_failed else ""),
        f"{run.leaves:,}{rejected}" if paged else "-",
    ]


@group.command("show")
@click.argument("run_id", metavar="ID", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def show(run_id: int, as_json: bool) -> None:
    """Everything about one run: pages, timing, errors, gate results, what it triggered."""
    with _database() as conn:
        run, now = shown(conn, run_id), database.now(conn)
    if as_json:
        emit(run.as_json())
        return
    out = console()
    out.print(Text.assemble(f"Run {run.id}: {run.source} {run.action}, ", word(run.state)))
    if run.error:
        out.print(plain(run.error, 2000), style="red")
    facts = Table.grid(padding=(0, 2, 0, 0))
    for name, told in _facts(run, now):
        facts.add_row(Text(name, style="dim"), plain(told))
    out.print(facts)
    _show_pages(out, run.pages)
    gates = [f"{_passed(check)}  {check.message}" for check in run.checks]
    came = [f"run {came.id}: {came.source} {came.action}, {came.state}" for came in run.triggered]
    for title, lines in (("Gates", gates), ("What came of it", came)):
        if lines:
            out.print(f"\n{title}", style="bold")
        for line in lines:
            out.print(f"  {plain(line)}")
    if run.finished_by:
        out.print(f"\nNothing is left to do: run {run.finished_by} did what this one left undone.")
    elif run.state.resumable and run.action is not Action.REPLAY:
        out.print(f"\nGo on with it: pkgintel runs resume {run.id}")


def _passed(check: RunCheck) -> str:
    return "passed" if check.passed else "FAILED" if check.blocking else "warns "


def _facts(run: ShownRun, now: datetime) -> list[tuple[str, str]]:
    facts = [("started", f"{iso(run.started_at)} ({run.kind})")]
    if run.finished_at:
        facts.append(("ended", f"{iso(run.finished_at)}, after {span(run.seconds)}"))
    else:
        facts.append(("running", f"for {span(run.seconds)}, last sign of life {ago(run.silent_seconds)}"))
    if run.retry:
        facts.append(("waits", run.retry.says(now)))
    if run.window_up_to:
        facts.append(
            ("window", f"({iso(run.window_after)}, {iso(run.window_up_to)}]" + (", more remain" if run.more else ""))
        )
    if run.cause_id:
        facts.append(("came of", f"run {run.cause_id}"))
    if run.root_id not in (None, run.id):
        facts.append(("continues", f"run {run.root_id}"))
    facts += [
        (str(name), json.dumps(told) if isinstance(told, dict) else str(told)) for name, told in run.detail.items()
    ]
    if run.task_id:
        facts.append(("task", run.task_id))
    return facts


def _show_pages(out: Console, pages: Sequence[RunPage]) -> None:
    if not pages:
        return
    counts = {
        state: sum(page.state == state for page in pages)
        for state in (PageState.DONE, PageState.FAILED, PageState.PENDING)
    }
    out.print(f"\nPages  {', '.join(f'{count} {state}' for state, count in counts.items() if count)}", style="bold")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading, justify in (("page", "left"), ("state", "left"), ("tries", "right"), ("leaves", "right"),
                             ("rejected", "right"), ("took", "right")):  # fmt: skip
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for page in pages[:SHOWN_PAGES]:
        took = "-" if page.seconds is None else span(page.seconds)
        name = plain(page.page_url.rpartition("/")[2])
        table.add_row(name, page.state, str(page.attempts), f"{page.leaves:,}", f"{page.rejected:,}", took)
    out.print(table)
    for page in pages[:SHOWN_PAGES]:
        if page.error:
            out.print(f"  {plain(page.page_url)}: {plain(page.error, 400)}", style="red")
    if len(pages) > SHOWN_PAGES:
        out.print(f"  and {len(pages) - SHOWN_PAGES} more: --json has them all", style="dim")


@group.command("abort")
@click.argument("run_id", metavar="ID", type=int)
@click.option("--why", default="", help="The reason, kept with the run.")
def abort_command(run_id: int, why: str) -> None:
    """End a running run; its late pages find nothing to do, and the next scan may begin.

    Exit codes: 0 aborted; 2 there is no such run, or it had ended (or Postgres cannot be used).
    """
    with _database() as conn:
        runs.abort(conn, run_id, getpass.getuser(), why)
    say(f"run {run_id} is aborted; what is stored stays. Go on with it: pkgintel runs resume {run_id}")


@group.command("resume")
@click.argument("run_id", metavar="ID", type=int)
def resume_command(run_id: int) -> None:
    """Go on with a run that failed, was blocked, lost or aborted, in a new run. Needs a worker.

    Exit codes: 0 sent; 2 there is nothing of it to go on with (or Postgres or Redis cannot be used), and why.
    """
    with _database() as conn:
        sent = recovery.resume(conn, process.current().deployment, run_id)
    say(f"{sent} was sent; it goes on from what run {run_id} stored: see `pkgintel runs`")
    if not _workers():
        say("No worker answers: it waits until one is started (`make up`, or `celery -A pkgintel worker`).")


def _workers() -> bool:
    try:
        return bool(app.control.ping(timeout=1.0))
    except (OperationalError, RedisError, OSError):
        return False


def _database() -> database.Connection:
    conn = database.connect(process.current().deployment.database_url)
    migrations.require_schema(conn)
    return conn
