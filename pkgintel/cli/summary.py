"""The page that `pkgintel run` ends with, for a person or as JSON."""

import json
import os
import sys

from rich.console import Console
from rich.table import Table

from pkgintel.nuget.instant import iso
from pkgintel.reports.summary import Summary
from pkgintel.text import many


def show(result: Summary, *, as_json: bool) -> None:
    """Print the facts: one JSON object on stdout, or a page for a person."""
    if as_json:
        print(json.dumps(result.as_json(), indent=2))  # noqa: T201
        return
    console = Console(highlight=False)
    heads = {
        "done": "Done.",
        "caught_up": "Nothing new: everything the catalog has is stored.",
        "already_running": "Another scan is in progress; this one was skipped.",
        "blocked": "Blocked: a gate is closed.",
        "failed": "Failed.",
    }
    console.print(f"\n[bold]{heads[result.outcome]}[/bold] ({result.seconds:.0f} s)")
    if result.error:
        console.print(result.error, markup=False)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("catalog", result.catalog)
    if result.window:
        after = result.window.after
        begin = "the beginning" if after is None or after.year == 1 else iso(after)
        table.add_row("window", f"from {begin} to {iso(result.window.up_to)}")
        leaves = many(result.leaves, "leaf", "leaves")
        told = f"{many(result.pages, 'page')}, {leaves}, {result.rejected:,} rejected"
        table.add_row("read now", told + ("; more pages remain: run it again" if result.more_pages else ""))
    gone = f" ({result.deleted:,} of them deleted, so without a verdict)" if result.deleted else ""
    table.add_row("stored", f"{many(result.versions or 0, 'version')} of {many(result.packages or 0, 'package')}{gone}")
    table.add_row("watermark", iso(result.watermark) or "none yet")
    table.add_row("SPDX list", result.spdx_list_version or "none yet")
    console.print(table)
    _verdicts(console, result)
    passed = sum(check.passed for check in result.checks)
    console.print(f"\n[bold]Checks[/bold]  {passed} of {len(result.checks)} passed")
    for check in result.checks:
        if not check.passed:
            console.print(f"  {'BLOCKING' if check.blocking else 'warning'}  {check.message}", markup=False)
    console.print(f"\nThe data is in Postgres at {result.database} (files: {result.home}).", markup=False)
    if result.example:
        called = os.path.relpath(sys.argv[0]) if os.sep in sys.argv[0] else "pkgintel"
        console.print(f"Try next:  {called} why {result.example}    {called} status", markup=False)


def _verdicts(console: Console, result: Summary) -> None:
    total = sum(result.verdicts.values())
    if not total:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), title="Verdicts", title_justify="left", title_style="bold")
    table.add_column("verdict / rule")
    table.add_column("packages", justify="right")
    table.add_column("share", justify="right")
    for verdict, count in result.verdicts.items():
        table.add_row(verdict, f"{count:,}", f"{count / total:.1%}")
    table.add_section()
    for rule, count in (result.rules or {}).items():
        table.add_row(f"  {rule}", f"{count:,}", f"{count / total:.1%}", style="dim")
    console.print()
    console.print(table)
