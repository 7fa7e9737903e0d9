"""`pkgintel status`: the screen once or kept fresh, or the same as JSON."""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime

import click
import psycopg
from rich.live import Live
from rich.text import Text

from pkgintel import database
from pkgintel.cli.screen import console, emit
from pkgintel.cli.status_screen import screen
from pkgintel.database import migrations
from pkgintel.errors import PkgintelError
from pkgintel.reports import crew, status
from pkgintel.reports.status import Status
from pkgintel.runtime import process
from pkgintel.settings import Deployment
from pkgintel.text import minute, plain

WATCH_EVERY = 2.0  # Seconds.


def look(settings: Deployment) -> Status:
    """One look at everything. Raises: ServiceUnavailable, SchemaBehind."""
    with database.connect(settings.database_url) as conn:
        migrations.require_schema(conn)
        return status.report(conn, settings, crew.ask(settings))


def _watch(look: Callable[[], Status]) -> bool:
    """Refresh the screen until Ctrl-C; whether the last look was healthy. A lost Postgres is shown and asked again."""
    out, healthy = console(), False
    live = Live(console=out, screen=True, auto_refresh=False, vertical_overflow="crop")
    try:
        with live if out.is_terminal else nullcontext():
            while True:
                try:
                    found = look()
                    healthy, content = found.healthy, screen(found)
                except (PkgintelError, psycopg.Error) as error:
                    stamp = minute(datetime.now(UTC))
                    healthy, content = False, Text(plain(f"pkgintel cannot look ({stamp} UTC): {error}"))
                if out.is_terminal:
                    live.update(content, refresh=True)
                else:
                    out.print(content)
                time.sleep(WATCH_EVERY)
    except KeyboardInterrupt:
        return healthy


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the screen.")
@click.option("--watch", is_flag=True, help="Refresh the screen every two seconds until Ctrl-C.")
def command(as_json: bool, watch: bool) -> None:
    """Shows the tables with their age, the catalog's lag, the run in progress, the last runs, checks, verdicts,
    schedules, workers and queues. Needs Postgres only.

    Exit codes: 0 healthy; 1 a blocking check failed, something is stale, or a run failed, is blocked or lost;
    2 Postgres cannot be asked.
    """
    if as_json and watch:
        raise click.UsageError("--watch is for the screen and --json prints once: choose one.")
    settings = process.current().deployment
    if watch:
        sys.exit(0 if _watch(lambda: look(settings)) else 1)
    found = look(settings)
    if as_json:
        emit(found.as_json())
    else:
        console().print(screen(found))
    sys.exit(0 if found.healthy else 1)
