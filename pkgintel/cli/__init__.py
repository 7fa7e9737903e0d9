"""The command line: `pkgintel …`. Each command is a module; here they get their names and first sentences."""

import copy
import importlib
import inspect
import sys
from typing import NamedTuple

import click

from pkgintel import settings
from pkgintel.errors import PkgintelError
from pkgintel.settings import unknown_variables
from pkgintel.text import plain


class _Entry(NamedTuple):
    """Where a command is, `module:attribute` in this package, and the first sentence of its help."""

    where: str
    help: str


# A command is imported when it is asked for, so that `--help` answers at once.
COMMANDS = {
    "run": _Entry("run:command", "Do the main job once: SPDX list, catalog, gates, verdicts."),
    "status": _Entry("status:command", "Is it healthy, what is it doing, what must I do?"),
    "why": _Entry("why:command", "Why a package got its verdict."),
    "audit": _Entry("audit:command", "Is every package version of a solution open source, and does it fail the build?"),
    "policy": _Entry("policy:group", "Check the policy of an audit, or write an exception to it."),
    "changes": _Entry("changes:command", "Which packages were given other licenses or verdicts, newest first."),
    "judge": _Entry("judge:command", "Judge the declarations of a CSV file, and measure the classifier."),
    "texts": _Entry("texts:group", "Read license texts: which licenses they hold, and which words differ."),
    "runs": _Entry("runs:group", "List the runs; show, abort or resume one."),
    "schedule": _Entry("schedule:group", "List, enable, disable or fire the ticks."),
    "reprocess": _Entry("reprocess:command", "Read again what was read before, or decide again from what is stored."),
    "watermark": _Entry("watermark:group", "Show up to where the catalog is stored, or bring that back."),
    "psql": _Entry("psql:command", "Open the database in psql."),
    "check": _Entry("database:check", "Run the checks now."),
    "migrate": _Entry("database:migrate", "Bring the database's schema up to date."),
    "up": _Entry("up:command", "Run worker, beat and Flower until Ctrl-C."),
    "sample": _Entry("sample:command", "Serve the sample catalog over HTTP."),
}
_LONGEST = 4_000  # Characters of a sentence on stderr.

# These look at what is stored, and make nothing where nothing is.
LOOKING = ("status", "why", "changes", "runs", "schedule", "reprocess", "watermark", "check", "psql")


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        entry = COMMANDS.get(name)
        if entry is None:
            return None
        module, _, attribute = entry.where.partition(":")
        command: click.Command = copy.copy(getattr(importlib.import_module(f"{__name__}.{module}"), attribute))
        more = [inspect.cleandoc(command.help)] if command.help else []
        command.help = "\n\n".join([entry.help, *more])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pkgintel")
@click.pass_context
def pkgintel(ctx: click.Context) -> None:
    """Is this NuGet package open source, and says who?

    Follows nuget.org's catalog into Postgres and gives every package a verdict with its evidence.
    Settings are PKGINTEL_… variables; without any, an embedded Postgres and Redis are used. Begin with: pkgintel run
    """
    for sentence in unknown_variables():
        _complain(sentence)
    if ctx.invoked_subcommand in LOOKING and not {"-h", "--help"} & set(sys.argv):
        from pkgintel.runtime import deployment  # Slow to import, and not needed by the others.

        given = settings.load()
        deployment.require_home(given)
        meant = deployment.choice(given)
        if meant:
            _complain(meant)


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
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        sentence = _gone(error)
        if sentence is None:
            raise
        _end(sentence, 2)


def _gone(error: Exception) -> str | None:
    """What to say of an error of Postgres or Redis; their clients are slow to import, so not imported to find out."""
    psycopg, redis, kombu = (sys.modules.get(name) for name in ("psycopg", "redis.exceptions", "kombu.exceptions"))
    if psycopg is not None and isinstance(error, psycopg.errors.LockNotAvailable):
        return "another session held a lock for too long; `pkgintel status` shows who waits for whom; then try again"
    if psycopg is not None and isinstance(error, psycopg.OperationalError):
        lines = str(error).strip().splitlines()
        return f"Postgres went away: {lines[0] if lines else type(error).__name__}"
    if (redis is not None and isinstance(error, redis.RedisError)) or (
        kombu is not None and isinstance(error, kombu.OperationalError)
    ):
        return f"Redis went away: {error}"
    return None


def _end(sentence: str, code: int) -> None:
    _complain(sentence)
    sys.exit(code)


def _complain(sentence: str) -> None:
    from pkgintel.cli.screen import say  # Slow to import, and seldom needed.

    say(f"pkgintel: {plain(sentence, _LONGEST)}", err=True)
