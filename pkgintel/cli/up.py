"""`pkgintel up`: worker, beat and Flower until Ctrl-C, with everything they need."""

import itertools
import os
import sys
from contextlib import suppress
from pathlib import Path

import click

from pkgintel import ROOT, carried, database
from pkgintel.cli.screen import say
from pkgintel.database import migrations
from pkgintel.errors import SettingsError
from pkgintel.local import procfile
from pkgintel.local.server import port_is_free
from pkgintel.runtime import broker, deployment, process
from pkgintel.settings import load

COLOURS = ("green", "yellow", "cyan", "magenta", "blue")


@click.command("up")
@click.option("--catalog", metavar="nuget.org|sample|URL", help="What to follow. Default: the catalog used last.")
@click.option(
    "--procfile",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=carried("Procfile"),
    show_default="the one that comes with pkgintel",
    help="The processes to run.",
)
def command(catalog: str | None, file: Path) -> None:
    """A second Ctrl-C does not wait for the page in flight.

    Migrates first. The schedules are off until `pkgintel schedule enable` switches them on. FLOWER_PORT moves Flower
    from port 5555.

    Exit codes: 0 stopped; 1 something had to be killed; 2 a wrong setting, a port in use, or Postgres or Redis cannot
    be used.
    """
    commands = procfile.read(file)
    width = max(map(len, commands))
    names = {
        name: click.style(f"{name:<{width}} │", fg=colour)
        for name, colour in zip(commands, itertools.cycle(COLOURS), strict=False)
    }
    flower = _flower_port() if "flower" in commands else None
    given = load()
    settings = deployment.resolve(given, catalog, lambda line: say(f"pkgintel: {line}"))
    process.start(settings)
    if catalog is not None:
        deployment.remember(given, catalog)
    other = deployment.follow(given, catalog)
    if other is not None:
        say(f"pkgintel: another `pkgintel up` follows {other} here; commands that name no catalog mean that one")
    broker.require(settings.redis_url)
    for name in migrations.apply(settings.database_url):
        say(f"pkgintel: migrated {name}")
    where = f"Postgres at {database.place(settings.database_url)}, Redis at {broker.place(settings.redis_url)}"
    say(f"pkgintel: {where}")
    say(f"pkgintel: following {settings.service_index_url}")
    if flower:
        say(f"pkgintel: Flower at http://127.0.0.1:{flower}")
    say("pkgintel: Ctrl-C stops everything")
    environ = {**os.environ, **deployment.environment(settings), "PYTHONUNBUFFERED": "1"}
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', os.defpath)}"

    def pass_on(name: str, line: str) -> None:
        with suppress(OSError):  # The terminal is gone; its SIGHUP ends us in order.
            say(f" {line}", before=names[name])

    processes = [procfile.Process(name, line, environ, ROOT, pass_on) for name, line in commands.items()]
    sys.exit(0 if procfile.supervise(processes) else 1)


def _flower_port() -> int:
    """Raises: SettingsError when FLOWER_PORT is no port, or is in use."""
    given = os.environ.get("FLOWER_PORT") or "5555"
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise SettingsError(f"FLOWER_PORT is wrong (it is {given!r}): a port between 1 and 65535 is wanted.")
    if not port_is_free(int(given)):
        raise SettingsError(f"Port {given} of 127.0.0.1, which Flower wants, is in use: set FLOWER_PORT to a free one.")
    return int(given)
