"""The command line: `pkgintel …`. Each command lives with what it does; here they only get their names."""

import importlib
import sys

import click
import kombu.exceptions
import psycopg
from redis.exceptions import RedisError

from pkgintel import settings
from pkgintel.errors import PkgintelError
from pkgintel.settings import unknown_variables

# name → where its command is; imported when asked for, so that `--help` answers at once.
COMMANDS = {
    "run": "pkgintel.cli.run:command",
    "status": "pkgintel.reports.status:command",
    "why": "pkgintel.reports.why:command",
    "judge": "pkgintel.licenses.measure:judge",
    "runs": "pkgintel.reports.runs:runs",
    "schedule": "pkgintel.cli.operate:schedule",
    "reprocess": "pkgintel.cli.reprocess:command",
    "watermark": "pkgintel.cli.watermark:watermark",
    "check": "pkgintel.cli.operate:check",
    "migrate": "pkgintel.cli.operate:migrate",
    "up": "pkgintel.cli.up:command",
    "sample": "pkgintel.sample.server:sample",
}
SHORT = {
    "run": "Do the main job once: SPDX list, catalog, gates, verdicts.",
    "status": "Is it healthy, what is it doing, what must I do?",
    "why": "Why a package got its verdict.",
    "judge": "Judge the declarations of a CSV file, and measure the classifier.",
    "runs": "List the runs; show, abort or resume one.",
    "schedule": "List, enable, disable or fire the two ticks.",
    "reprocess": "Read again what was read before, or decide again from what is stored.",
    "watermark": "Show up to where the catalog is stored, or bring that back.",
    "check": "Run the checks now.",
    "migrate": "Bring the database's schema up to date.",
    "up": "Run worker, beat and Flower until Ctrl-C.",
    "sample": "Serve the sample catalog over HTTP.",
}


# These look at what is stored, and make nothing where nothing is.
LOOKING = ("status", "why", "runs", "schedule", "reprocess", "watermark", "check")


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return [name for name in COMMANDS if name in SHORT]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        found: click.Command = getattr(importlib.import_module(module), attribute)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(SHORT.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pkgintel")
@click.pass_context
def pkgintel(ctx: click.Context) -> None:
    """Is this NuGet package open source, and says who?

    Follows nuget.org's catalog into Postgres and gives every package a verdict with its evidence.
    Settings are PKGINTEL_… variables; without any, an embedded Postgres and Redis are used. Begin with: pkgintel run
    """
    ctx.obj = {"license_list": _license_list}
    for sentence in unknown_variables():
        click.echo(f"pkgintel: {sentence}", err=True)
    if ctx.invoked_subcommand in LOOKING and not {"-h", "--help"} & set(sys.argv):
        from pkgintel.runtime import deployment  # Slow to import, and not needed by the others.

        deployment.require_home(settings.load())


def _license_list() -> object:
    """The stored SPDX list, for commands that judge."""
    from pkgintel import database
    from pkgintel.errors import SettingsError
    from pkgintel.pipeline import sync
    from pkgintel.runtime import deployment

    with database.connect(deployment.current().database_url or "") as conn:
        database.require_schema(conn)
        found = sync.stored(conn)
    if found is None:
        raise SettingsError("No SPDX list is stored yet: give one with --spdx FILE, or run `pkgintel run` first.")
    return found


def main() -> None:
    """Run the command line; every error that was foreseen is one sentence and its exit code."""
    try:
        pkgintel(standalone_mode=False)
    except click.exceptions.Abort:
        _end("stopped; what is stored stays, and the next run goes on from there", 130)
    except KeyboardInterrupt:
        _end("stopped; what is stored stays, and the next run goes on from there", 130)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except PkgintelError as error:
        _end(str(error), error.exit_code)
    except psycopg.errors.LockNotAvailable:
        _end("another session held a lock for too long; `pkgintel status` shows who waits for whom; then try again", 2)
    except psycopg.OperationalError as error:
        lines = str(error).strip().splitlines()
        _end(f"Postgres went away: {lines[0] if lines else type(error).__name__}", 2)
    except (RedisError, kombu.exceptions.OperationalError) as error:
        _end(f"Redis went away: {error}", 2)
    except BrokenPipeError:
        sys.exit(0)


def _end(sentence: str, code: int) -> None:
    sys.stderr.write(f"pkgintel: {sentence}\n")
    sys.exit(code)
