"""`pkgintel texts list`, `show` and `accept`: the license texts that are stored, for whoever reviews them."""

import getpass

import click
from rich.table import Table
from rich.text import Text

from pkgintel import database
from pkgintel.cli.screen import console, emit, say
from pkgintel.database import migrations
from pkgintel.errors import GateFailed, SettingsError
from pkgintel.licenses.texts import difference
from pkgintel.licenses.texts.decode import NotText, TooLong, decode
from pkgintel.pipeline import follow_up, text_reading
from pkgintel.reports import texts
from pkgintel.runtime import process
from pkgintel.runtime.process import Process
from pkgintel.text import many, minute, plain

EDGE = 12  # Words shown of a long run that is equal, at either end.
NEW_READER = "reader"
_STYLES = {"missing": "red", "added": "green", "equal": ""}
_BRACKETS = {"missing": ("[-", "-]"), "added": ("[+", "+]"), "equal": ("", "")}


@click.command("list")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 10_000), help="At most so many texts.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def list_command(limit: int, as_json: bool) -> None:
    """List the stored texts that no license explains, those of most packages first: what to review next."""
    with database.connect(process.current().deployment.database_url) as conn:
        migrations.require_schema(conn)
        queue = texts.queue(conn, limit)
    if as_json:
        emit({"texts": [one.as_json() for one in queue]})
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("packages", "owners", "size"):
        table.add_column(name, justify="right")
    for name in ("sha256", "read as", "such as"):
        table.add_column(name, overflow="fold")
    for one in queue:
        near = f", near {plain(one.expression, 40)} ({one.similarity:.3f})" if one.expression else ""
        examples = ", ".join(plain(name, 40) for name in one.examples)
        row = (f"{one.packages:,}", f"{one.owners:,}", f"{one.size:,}", one.sha256[:16], one.status + near, examples)
        table.add_row(*row)
    console().print(table if queue else "Every stored text that a package speaks by is explained.")


@click.command("show")
@click.argument("sha256", metavar="SHA")
@click.option("--whole", is_flag=True, help="Show equal words too, however many.")
def show_command(sha256: str, whole: bool) -> None:
    """Show a stored text beside the license that is nearest: [-missing-] [+added+]. The first digits of SHA are enough.

    Exit codes: 0; 2 when no text, or more than one, begins so.
    """
    with database.connect(process.current().deployment.database_url) as conn:
        migrations.require_schema(conn)
        found, body = texts.text(conn, sha256)
    out = console()
    out.print(f"sha256 {found.sha256}, {many(len(body), 'byte')}, first seen {minute(found.first_seen)} UTC")
    read = f"{plain(found.status)}, {plain(found.expression) or 'no license near'} ({found.similarity or 0:.3f})"
    out.print(f"read as {read} by reader {plain(found.reader)}" if found.status else "not read yet")
    if found.why:
        out.print(plain(found.why, 300))
    for place in found.places[:10]:
        out.print(f"at {plain(place, 300)}")
    nearest = found.expression.partition(" OR ")[0].partition(" AND ")[0].strip("()") if found.expression else None
    runs = difference.runs(body, nearest) if nearest else []
    out.print()
    if runs:
        out.print(f"Its words beside those of {plain(nearest)}:")
        out.print(_diff(runs, whole=whole))
        out.print()
    out.print(Text(_lines(body)))


def _diff(runs: list[difference.Run], *, whole: bool) -> Text:
    drawn = Text()
    for run in runs:
        words = run.words.split(" ")
        if run.kind == "equal" and not whole and len(words) > 2 * EDGE + 3:
            words = [*words[:EDGE], "…", *words[-EDGE:]]
        before, behind = _BRACKETS[run.kind]
        drawn.append(f"{before}{plain(' '.join(words))}{behind} ", style=_STYLES[run.kind])
    return drawn


def _lines(body: bytes) -> str:
    """The text as a screen may show it."""
    try:
        text = decode(body).text
    except (NotText, TooLong) as error:
        return f"(no text: {error})"
    return "\n".join(plain(line, 2_000) for line in text.splitlines())


@click.command("accept")
@click.argument("what", metavar="SHA|reader")
@click.option("--why", required=True, help="The reason, which is kept.")
def accept_command(what: str, why: str) -> None:
    """Let something through the gate raw_license_texts: a text under many owners, or what a new reader changes.

    With a sha256: that text is no page which a host shows for every file. With the word reader: what the newest reader
    and license list read otherwise is right. Packages are judged with it at once.

    Exit codes: 0; 2 when there is no such text, or nothing was read.
    """
    mine = process.current()
    with database.connect(mine.deployment.database_url) as conn:
        migrations.require_schema(conn)
        if what == NEW_READER:
            newest = database.one(conn, "texts/newest_reading")
            if newest is None:
                raise SettingsError("No text was read yet, so there is nothing to accept.")
            name = f"reader {newest['reader']}, list {newest['list_version']}"
        else:
            name = texts.text(conn, what)[0].sha256
        database.run(conn, "texts/accept", what=name, why=why, by=getpass.getuser())
        result = text_reading.match(conn, mine.deployment)
        then = "" if result.closed else _judge(conn, mine)
    say(f"accepted: {name}. {result}{then}")


def _judge(conn: database.Connection, mine: Process) -> str:
    """Judge with what was let through, for that was held back; says what it changed."""
    try:
        done = follow_up.perform(mine.database, conn, mine.deployment, None, None)
    except GateFailed as closed:
        return f"; no verdict follows while another gate is closed: {closed}"
    return f", {many(done.changed, 'verdict')} changed"
