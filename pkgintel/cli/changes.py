"""`pkgintel changes`: which packages were given other licenses or verdicts, newest first."""

from collections.abc import Iterable
from datetime import UTC, datetime

import click
from rich.table import Table

from pkgintel import database
from pkgintel.cli.screen import console, emit, word
from pkgintel.database import migrations
from pkgintel.errors import SettingsError
from pkgintel.nuget.documents import package_key
from pkgintel.reports import changes
from pkgintel.reports.changes import Change, licenses
from pkgintel.runtime import process
from pkgintel.text import day, plain

_SHOWN = 30


@click.command("changes")
@click.option("--since", metavar="TIME", help="Only changes from this time on (UTC).")
@click.option("--package", metavar="ID", help="Only changes of this package.")
@click.option("--after", metavar="CURSOR", help="With --json: only changes recorded after an earlier answer; 0-0: all.")
@click.option("--limit", default=_SHOWN, show_default=True, type=click.IntRange(1, 100_000), help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def command(since: str | None, package: str | None, after: str | None, limit: int, as_json: bool) -> None:
    """The time of a change of licenses is that of the newer version's release.

    With --json and --after the changes come in the order of their recording. Each answer says the next `after`.
    """
    if after is not None and not as_json:
        raise SettingsError("--after belongs to --json, which is missing.")
    key, begin = package_key(package) if package else None, _moment(since)
    with database.connect(process.current().deployment.database_url) as conn:
        migrations.require_schema(conn)
        if after is not None:
            found = changes.following(conn, after, limit, package_key=key, since=begin)
        else:
            found = changes.newest(conn, limit, package_key=key, since=begin)
    if as_json:
        emit(found.as_json())
        return
    _print(found.changes)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{text!r} is no time; write 2026-09-30 or 2026-09-30T12:00:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _print(found: Iterable[Change]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("when", "package", "versions", "from", "to", "what"):
        table.add_column(heading, no_wrap=heading == "when", overflow="fold")
    for change in found:
        table.add_row(*map(word, _cells(change)))
    console().print(table if table.row_count else "No change is recorded.")


def _cells(change: Change) -> tuple[str, ...]:
    versions = f"{plain(change.from_version or '-', 60)} -> {plain(change.to_version or '-', 60)}"
    if change.kind == "license":
        what = f"{licenses(change.from_ids, change.from_verdict)} -> {licenses(change.to_ids, change.to_verdict)}"
    else:
        what = f"verdict, cause: {change.cause}"
    verdicts = (change.from_verdict or "none", change.to_verdict or "none")
    return day(change.at), plain(change.package_id, 100), versions, *verdicts, plain(what, 200)
