"""The page that `pkgintel run` ends with, for a person or as JSON."""

import os
import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pkgintel.cli.screen import console, emit
from pkgintel.nuget.instant import iso
from pkgintel.reports.summary import Summary
from pkgintel.text import many, plain, quoted


def show(result: Summary, *, as_json: bool) -> None:
    """Print the facts: one JSON object on stdout, or a page for a person."""
    if as_json:
        emit(result.as_json())
        return
    out = console()
    heads = {
        "done": "Done.",
        "caught_up": "Nothing new: everything the catalog has is stored.",
        "already_running": "Another scan is in progress; this one was skipped.",
        "blocked": "Blocked: a gate is closed.",
        "failed": "Failed.",
    }
    out.print(Text.assemble("\n", (heads[result.outcome], "bold"), f" ({result.seconds:.0f} s)"))
    if result.error:
        out.print(plain(result.error))
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("catalog", plain(result.catalog))
    if result.window:
        after = result.window.after
        begin = "the beginning" if after is None or after.year == 1 else iso(after)
        table.add_row("window", f"from {begin} to {iso(result.window.up_to)}")
        leaves = many(result.leaves, "leaf", "leaves")
        told = f"{many(result.pages, 'page')}, {leaves}, {result.rejected:,} rejected"
        table.add_row("read now", told + ("; more pages remain: run it again" if result.more_pages else ""))
    if result.license_files:
        table.add_row("license files", f"{result.license_files:,} looked for")
    gone = f" ({result.deleted:,} of them deleted, so without a verdict)" if result.deleted else ""
    table.add_row("stored", f"{many(result.versions or 0, 'version')} of {many(result.packages or 0, 'package')}{gone}")
    if result.versions_unread or result.packages_unread:
        without = many(result.packages_unread or 0, "package")
        alone = f", and {without} without a verdict for it" if result.packages_unread else ""
        table.add_row(
            "unread", f"{many(result.versions_unread or 0, 'version')}{alone} (`why ID --version V` reads one)"
        )
    table.add_row("watermark", iso(result.watermark) or "none yet")
    table.add_row("SPDX list", plain(result.spdx_list_version or "none yet", 60))
    out.print(table)
    _verdicts(out, result)
    passed = sum(check.passed for check in result.checks)
    out.print(Text.assemble("\n", ("Checks", "bold"), f"  {passed} of {len(result.checks)} passed"))
    for check in result.checks:
        if not check.passed:
            out.print(f"  {'BLOCKING' if check.blocking else 'warning'}  {plain(check.message)}")
    out.print(f"\nThe data is in Postgres at {result.database} (files: {result.home}).")
    if result.example:
        called = os.path.relpath(sys.argv[0]) if os.sep in sys.argv[0] else "pkgintel"
        out.print(f"Try next:  {quoted(called)} why {quoted(result.example)}    {quoted(called)} status")


def _verdicts(out: Console, result: Summary) -> None:
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
    out.print()
    out.print(table)
