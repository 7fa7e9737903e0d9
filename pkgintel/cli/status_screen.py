"""The screen of `pkgintel status`: made for 80 columns, and every state is a word, so that it reads without colour."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pkgintel.cli.screen import word
from pkgintel.reports import diagnosis
from pkgintel.reports.crew import UNKNOWN
from pkgintel.reports.status import Status
from pkgintel.text import ago, many, minute, plain, span

SHOWN_RUNS = 5
_BAR = 24  # characters


def screen(report: Status) -> RenderableType:
    """A report as one screen: the answer, what to do, then the facts behind it."""
    sections: list[tuple[str, Iterable[RenderableType]]] = [
        ("Tables", [_assets(report), *_lag(report)]),
        ("Now", _now(report)),
        ("Last runs", _last_runs(report)),
        ("Checks", _checks(report)),
        ("Verdicts", _verdicts(report)),
        ("Schedules", [_schedules(report)]),
        ("Workers", _crew(report)),
    ]
    parts: list[RenderableType] = list(_answer(report))
    for title, content in sections:
        parts += [Text(title, style="bold"), *(Padding(item, (0, 0, 0, 2), expand=False) for item in content)]
    return Group(*parts)


def _ago(report: Status, when: datetime) -> str:
    return ago(report.since(when))


def _table(*headers: str) -> Table:
    """A table without lines; a header that begins with > stands over numbers, empty ones are not shown."""
    table = Table(
        box=None,
        show_header=any(header.strip(">") for header in headers),
        header_style="dim",
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    for header in headers:
        justify: Literal["right", "left"] = "right" if header.startswith(">") else "left"
        table.add_column(header.removeprefix(">"), justify=justify, overflow="fold")
    return table


def _answer(report: Status) -> Iterable[RenderableType]:
    wrong, notes = report.unhealthy_because, report.notes
    head = Text.assemble(
        "pkgintel is ", word("HEALTHY" if report.healthy else "NOT HEALTHY"), f"  {minute(report.as_of)} UTC"
    )
    yield head
    catalog = f"catalog {plain(report.catalog)}" if report.catalog else "no catalog yet"
    yield Text(f"{catalog}, database {plain(report.database)}", style="dim")
    for lines, style in ((wrong, "red"), (notes, "yellow")):
        for line in lines:
            row = Table.grid(padding=(0, 1, 0, 0))
            row.add_row(Text("!" if lines is wrong else "·", style=style), Text(plain(line)))
            yield row
    yield Text("")


def _assets(report: Status) -> Table:
    table = _table("", ">rows", "last success", "limit", "")
    table.padding = (0, 1, 0, 0)
    for name, asset in report.assets.items():
        stale = "STALE" if asset.last_success else "empty"  # What never was filled is no older than it should be.
        words = [] if asset.fresh and asset.blocked else ["fresh" if asset.fresh else stale]
        words += ["BLOCKED"] if asset.blocked else []
        table.add_row(
            name,
            f"{'' if asset.rows_exact else '~'}{asset.rows:,}",
            ago(asset.age_seconds),
            span(asset.threshold_seconds),
            Text(" ").join(map(word, words)),
        )
    return table


def _lag(report: Status) -> Iterable[RenderableType]:
    versions, packages = report.versions, report.packages
    if versions.unread or packages.unread:
        about = "" if versions.exact else "about "
        yield Text(f"{about}{versions.read:,} of {versions.known:,} versions read")
        yield Text(f"{packages.judged:,} of {packages.known:,} packages judged, {packages.unread:,} unread")
    if report.watermark is None:
        yield Text("The catalog was not read yet, so there is no watermark.")
        return
    lag = report.lag_seconds
    behind = "its lag is not known" if lag is None else f"{span(lag)} behind upstream"
    looked = f" (looked {_ago(report, report.lag_looked_at)})" if report.lag_looked_at else ""
    yield Text(f"read up to {minute(report.watermark)}, {behind}{looked}")


def _now(report: Status) -> Iterable[RenderableType]:
    runs = [*report.running, *report.replays]
    if not runs:
        yield Text("nothing is running")
    for run in runs:
        round_ = f", round {run.round}" if run.round else ""
        line = Text(f"run {run.id}, {run.source} {run.action}, {run.kind}{round_}, for {span(run.seconds)} ")
        if run.lost:
            line.append_text(word("LOST")).append(f", silent for {span(run.silent_seconds)}")
        elif run.is_silent:
            line.append(f"(last sign of life {ago(run.silent_seconds)})")
        yield line
        if run.retry:
            yield Text(run.retry.says(report.as_of), style="yellow")
        total, done, failed = run.pages_total, run.pages_done, run.pages_failed
        if total:
            filled = round(_BAR * (done + failed) / total)
            left = "" if run.seconds_left is None else f", about {span(run.seconds_left)} left"
            bar = f"[{'#' * filled}{'.' * (_BAR - filled)}]"
            yield Text(f"{bar} {done:,} of {many(total, 'page')}, {failed:,} failed, {run.pages_left:,} to do")
            rate = f" at {run.rate:,.1f}/s" if run.moves else ""
            yield Text(f"{many(run.leaves, 'leaf', 'leaves')}{rate}, {run.rejected:,} rejected{left}")
            if run.more:
                yield Text("more pages follow in the next scan")
        if run.first_error:
            yield Text(plain(run.first_error, 300), style="red")


def _last_runs(report: Status) -> Iterable[RenderableType]:
    runs = report.last_runs[:SHOWN_RUNS]
    if not runs:
        yield Text("none yet")
        return
    table = _table(">run", "what", "ended", "when", "took", ">pages", ">leaves")
    for run in runs:
        paged = bool(run.pages_total)
        table.add_row(
            str(run.id),
            f"{run.source} {run.action}",
            word(run.state),
            _ago(report, run.finished_at),
            span(run.seconds),
            f"{run.pages_done:,}/{run.pages_total:,}" if paged else "",
            f"{run.leaves:,}" if paged else "",
        )
    yield table
    told = {run.id for run in diagnosis.bad_ends(report)}  # The answer above has their reasons.
    for run in runs:
        if run.error and run.id not in told:
            yield Text(f"{run.id}: {plain(run.error, 300)}", style="dim")


def _checks(report: Status) -> Iterable[RenderableType]:
    """Freshness stands in the tables' lines already."""
    table = _table("", ">", "", "")
    table.padding = (0, 1, 0, 0)
    shown = [check for check in report.checks if not check.is_freshness]
    for check in shown:
        state = "ok" if check.passed else "FAILED" if check.blocking else "warns"
        value = "nothing" if check.value is None else f"{check.value:.10g}"
        bound = f"{check.bound} {check.threshold:.10g}{', blocking' if check.blocking else ''}"
        table.add_row(check.name, value, bound, word(state))
    if shown:
        yield table
    else:
        yield Text("none was measured yet")
    for leaf in report.rejected_examples:
        yield Text(
            plain(f"rejected: {leaf.package_id} {leaf.version}, {leaf.reason}: {leaf.error}", 150),
            style="dim",
        )


def _verdicts(report: Status) -> Iterable[RenderableType]:
    parts = [
        f"{verdict} {kind.packages:,} ({kind.share:.0%})" for verdict, kind in report.verdicts.items() if kind.packages
    ]
    yield Text(", ".join(parts) or "none yet")


def _schedules(report: Status) -> Table:
    table = _table("", "", "", "", "")
    for name, tick in report.schedules.items():
        last = (
            f"last {_ago(report, tick.last_tick)}, {tick.last_result or 'by hand'}"
            if tick.last_tick
            else "never ticked"
        )
        if tick.next_tick:
            then = f"next in {span(-report.since(tick.next_tick))}"
        elif tick.changed_by == "install":
            then = "never enabled"
        else:
            then = f"by {plain(tick.changed_by, 20)} {_ago(report, tick.changed_at)}"
        table.add_row(name, tick.cron, word("enabled" if tick.enabled else "stopped"), last, then)
    return table


def _crew(report: Status) -> Iterable[RenderableType]:
    if report.workers == UNKNOWN or report.queues == UNKNOWN:
        yield Text(plain(f"unknown ({report.crew_unknown_because})"))
        return
    names = [
        plain(worker.name, 60) + (f" ({worker.processes} at a time)" if worker.processes else "")
        for worker in report.workers
    ]
    yield Text(", ".join(names) or "none answers")
    yield Text("waiting tasks: " + ", ".join(f"{name} {length:,}" for name, length in report.queues.items()))
