"""`pkgintel watermark`: up to where the catalog is stored, what operators decided about that, and the way back."""

import getpass
from datetime import datetime

import click

from pkgintel import database
from pkgintel.cli.screen import emit, say
from pkgintel.database import migrations
from pkgintel.nuget import instant
from pkgintel.nuget.instant import iso
from pkgintel.pipeline.states import Source
from pkgintel.pipeline.watermark import reset
from pkgintel.reports import watermark
from pkgintel.runtime import process
from pkgintel.text import minute, plain

SOURCE = Source.NUGET


@click.group("watermark")
def group() -> None:
    """It is brought back after upstream was wrong, and only ever back: forward it is moved by scans."""


@group.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def show(as_json: bool) -> None:
    """The watermark, every time it was brought back and why, and the pages taken with items missing. Times are UTC."""
    with database.connect(process.current().deployment.database_url) as conn:
        migrations.require_schema(conn)
        found = watermark.shown(conn, SOURCE)
    if as_json:
        emit(found.as_json())
        return
    if found.watermark is None:
        say("Nothing is stored yet, so there is no watermark: pkgintel run.")
    else:
        say(f"{found.source}: everything up to {iso(found.watermark)} is stored (UTC)")
        say(f"  since {minute(found.moved_at)}; this database began at {iso(found.origin)}")
    for one in found.resets:
        say(f"  brought back from {iso(one.from_)} to {iso(one.to)}, {_decided(one.reset_at, one.reset_by)}")
        say(f"    {plain(one.why, 300)}")
    for page in found.accepted_counts:
        taken = f"is taken with {page.items:,} of {page.promised:,} items"
        say(f"  {plain(page.page_url, 300)} {taken}, {_decided(page.accepted_at, page.accepted_by)}")
        say(f"    {plain(page.why, 300)}")


def _decided(when: datetime, who: str) -> str:
    return f"decided {minute(when)} by {plain(who, 60)}:"


@group.command("reset")
@click.option("--to", metavar="TIME", required=True, help="UTC: 2026-09-30 or 2026-09-30T12:00:00Z, not after now.")
@click.option("--why", metavar="TEXT", required=True, help="The reason, which is recorded.")
def reset_command(to: str, why: str) -> None:
    """Bring the watermark back to TIME. The next scan lists from there; what is stored is not read again.

    Exit codes: 0 brought back; 2 a wrong time, no reason, a scan in progress, or nothing stored (or Postgres cannot be
    used).
    """
    settings = process.current().deployment
    with database.connect(settings.database_url) as conn:
        migrations.require_schema(conn)
        before = reset(conn, settings, SOURCE, to, why, getpass.getuser())
        now = watermark.shown(conn, SOURCE)
    say(
        f"the watermark is {iso(now.watermark)} (it was {instant.timestamp(before)}); the next scan "
        "lists from there: `pkgintel run`, or the next tick"
    )
