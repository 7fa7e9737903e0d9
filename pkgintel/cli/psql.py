"""`pkgintel psql`: into the database, without its address or password on any command line."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from pkgintel import database
from pkgintel.errors import ServiceUnavailable
from pkgintel.local import postgres
from pkgintel.runtime import process


@click.command("psql", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Arguments are psql's own: pkgintel psql -c "SELECT count(*) FROM raw.nuget_packages"

    Exit codes: psql's; 2 where no psql is installed.
    """
    url = process.current().deployment.database_url
    program = shutil.which("psql") or postgres.program("psql")
    if program is None:
        raise ServiceUnavailable(
            f"No psql is installed: install PostgreSQL's client, then try again. The database is {database.place(url)}."
        )
    variables = {option.keyword.decode(): option.envvar for option in Conninfo.get_defaults() if option.envvar}
    environ = {
        variables[name].decode(): str(value) for name, value in conninfo_to_dict(url).items() if name in variables
    }
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is psql's: it ends a query, not the session.
    try:
        done = subprocess.run(
            [Path(program), *arguments], env={**os.environ, "PGAPPNAME": "pkgintel psql", **environ}, check=False
        )
    finally:
        signal.signal(signal.SIGINT, before)
    sys.exit(done.returncode)
