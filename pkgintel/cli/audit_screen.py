"""The audit on a terminal: what was read, what was found, and what to do about it."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pkgintel.audit.manifests.requirement import Manifest
from pkgintel.audit.report import Audited, Report
from pkgintel.cli.screen import STYLES
from pkgintel.text import many, plain

_MOST = 200  # Rows of a kind on the screen; the documents hold all.
_WORDS = {
    "breach": "BREACH", "warned": "warns", "excepted": "excepted", "baseline": "baseline",
}  # fmt: skip
_COLOURS = {"breach": "bold red", "warned": "yellow", "excepted": "cyan", "baseline": "dim"}


def screen(report: Report) -> RenderableType:
    """The report for a person: breaches first, then what warns, what is excepted, and the sums."""
    parts: list[RenderableType] = [*map(_input, report.inputs)]
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(5):
        table.add_column(overflow="fold")
    shown = 0
    for outcome in ("breach", "warned", "excepted", "baseline"):
        for one in report.decided(outcome)[:_MOST]:
            table.add_row(*_row(one))
            shown += 1
    if shown:
        parts += [Text(), table]
    left = len(report.decided(*_WORDS)) - shown
    if left > 0:
        parts.append(Text(f"… and {left:,} more; --output json or html has all"))
    parts += [Text(), *_sums(report)]
    return Group(*parts)


def _input(manifest: Manifest) -> Text:
    direct = len({one.key for one in manifest.requirements if one.direct})
    build = len({one.key for one in manifest.requirements if one.scope == "development"})
    line = Text(plain(manifest.path, 300), style="bold")
    counts = f"  {manifest.format}  {many(manifest.packages, 'package')}"
    line.append(counts + (f" ({direct:,} direct)" if direct else "") + (f", {build:,} build-only" if build else ""))
    for note in manifest.notes:
        line.append(f"\n  note: {plain(note, 600)}", style="dim")
    return line


def _row(one: Audited) -> tuple[Text, ...]:
    answer, decision = one.answer, one.decision
    return (
        Text(_WORDS[decision.decision], style=_COLOURS[decision.decision]),
        Text(plain(one.package.label, 200)),
        Text(answer.verdict, style=STYLES.get(answer.verdict, "")),
        Text(answer.rule),
        Text("; ".join(_says(one))),
    )


def _says(one: Audited) -> Iterable[str]:
    """Who brings it, what the policy says, and what would help."""
    path = next((origin.path for origin in one.package.origins if len(origin.path) > 1), ())
    if path:
        yield "via " + plain(" > ".join(path), 300)
    if one.decision.decided_by not in ("accept", "unknown"):
        yield plain(one.decision.says, 400)
    license_ = one.answer.license
    if license_ is not None:
        yield f"declares {plain(license_, 120)}"
    last = one.last_open
    if last is not None:
        under = f" ({plain(last.license, 60)})" if last.license is not None else ""
        stay = f": stay in {last.range}" if last.range is not None else f"; {last.unsure}"
        yield f"{last.version} was open_source{under}{stay}"


def _sums(report: Report) -> Iterable[Text]:
    sums = report.summary
    line = Text(f"{many(sums['packages'], 'version')}: ")
    names = ("open_source", "proprietary", "unknown", "private", "not_found", "not_looked_up")
    known = [(name, sums[name]) for name in names if sums[name]]
    for place, (name, number) in enumerate(known):
        line.append(", " if place else "").append(f"{number:,} ").append(name, style=STYLES.get(name, ""))
    if not known:
        line.append("nothing to judge")
    yield line
    asked = f"; {many(report.asked, 'name')} asked of {report.basis.source}" if report.asked else ""
    yield Text(
        f"SPDX list {report.basis.spdx_list_version}, {report.basis.policy}, "
        f"{'policy ' + report.basis.policy_file if report.basis.policy_file else 'no policy file'}{asked}",
        style="dim",
    )
    for remark in report.remarks:
        style = "red" if remark.is_breach else "yellow"
        yield Text(f"{remark.code}: {remark.package}: {plain(remark.says, 400)}", style=style)
    for note in report.notes:
        yield Text(f"note: {plain(note, 600)}", style="yellow")
    yield _end(report)


def _end(report: Report) -> Text:
    breaches = report.summary["breaches"]
    if breaches:
        return Text(f"{many(breaches, 'breach', 'breaches')} of the policy.", style="bold red")
    if report.exit_code == 3:
        missing = many(report.summary["not_looked_up"], "version")
        return Text(f"No breach, but nothing is known of {missing}.", style="bold yellow")
    return Text("No breach.", style="bold green")
