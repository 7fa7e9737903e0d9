"""What an operator does to the database by hand: bring its schema up to date, measure the checks."""

import sys

import click
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from pkgintel import database
from pkgintel.cli.screen import emit, say
from pkgintel.database import migrations
from pkgintel.pipeline import checks, gate
from pkgintel.reports.gates import GateCheck
from pkgintel.runtime import broker, process
from pkgintel.settings import Deployment
from pkgintel.tasks import recovery


@click.command("migrate")
def migrate() -> None:
    """Safe to run from several places at once."""
    settings = process.current().deployment
    applied = migrations.apply(settings.database_url)
    said = f"applied {', '.join(applied)}" if applied else "the schema is up to date"
    say(f"{database.place(settings.database_url)}: {said}")


@click.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def check(as_json: bool) -> None:
    """Records the results of every check. Exit code 1 if a blocking one fails.

    A gate that opens by it sends the classification that it held back.
    """
    settings = process.current().deployment
    with database.connect(settings.database_url) as conn:
        migrations.require_schema(conn)
        results = [result for name in checks.ASSETS for result in gate.measure(conn, settings, name)]
        gate.record(conn, results, None)
        _let_through(conn, settings)
    if as_json:
        emit({"checks": [GateCheck.of(result).as_json() for result in results]})
    else:
        for result in results:
            state = "passed " if result.passed else "FAILED " if result.blocking else "warning"
            say(f"{state}  {result.message}")
    sys.exit(any(result.blocking and not result.passed for result in results))


def _let_through(conn: database.Connection, settings: Deployment) -> None:
    try:
        for did in recovery.open_gates(conn, settings, measured=True):
            say(did, err=True)
    except (OperationalError, RedisError) as error:
        why = broker.because(settings.redis_url, error)
        say(f"Redis does not answer ({why}): upkeep sends the held-back classification when it does", err=True)
