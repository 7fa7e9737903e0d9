"""`pkgintel audit`: is every package version of a solution open source, who says so, and does it fail the build?"""

import io
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pkgintel import settings
from pkgintel.audit import baseline, session
from pkgintel.audit.formats import bom_json, junit, markdown, page, pins, rows, sarif, whole
from pkgintel.audit.manifests.requirement import FORMATS, Format
from pkgintel.audit.package import Selection
from pkgintel.audit.report import Report
from pkgintel.audit.session import Options
from pkgintel.audit.texts import SECONDS
from pkgintel.cli import audit_screen
from pkgintel.cli.files import put
from pkgintel.cli.screen import console, say
from pkgintel.errors import SettingsError
from pkgintel.text import plain

OUTPUTS: dict[str, Callable[[Report], Iterable[str | bytes]]] = {
    "json": whole.write,
    "csv": rows.write,
    "sarif": sarif.write,
    "junit": junit.write,
    "markdown": markdown.write,
    "cyclonedx": bom_json.write,
    "html": page.write,
}
_KINDS = ("table", *OUTPUTS)


class _Bar:
    """A bar on stderr while versions are looked up; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._console = console(stderr=True)
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def tick(self, done: int, total: int) -> None:
        """So many of all versions are looked up."""
        if not self._console.is_terminal:
            return
        if self._bar is None:
            columns = (TextColumn("looking up"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.add_task("", total=total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done, total=total)


@click.command("audit")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--format", "format_", type=click.Choice(["auto", *FORMATS]), default="auto", help="Default: by content.")
@click.option("--policy", type=click.Path(path_type=Path), help="Default: pkgintel-policy.toml in PATH or above it.")
@click.option("--offline", is_flag=True, help="Send nothing: versions that are not stored are not looked up.")
@click.option("--no-database", is_flag=True, help="Use no database: every version is looked up, none is kept.")
@click.option("--spdx", type=click.Path(path_type=Path), help="An SPDX licenses.json to judge with.")
@click.option(
    "--source", metavar="URL", help="The V3 service index, its name in nuget.config, or sample. Default: the catalog's."
)
@click.option(
    "--texts", is_flag=True, help="Read the license files inside versions that declare one: one request each."
)
@click.option(
    "--texts-seconds",
    type=click.FloatRange(min=0, max=86_400),
    default=SECONDS,
    show_default=True,
    help="For how long license files are asked for and read.",
)
@click.option("--private", multiple=True, metavar="ID", help="Ask nobody about these ids: 'Contoso.*'. Repeatable.")
@click.option("--direct", is_flag=True, help="Look at direct packages only.")
@click.option("--exclude-development", is_flag=True, help="Leave out what is used to build only.")
@click.option("--framework", metavar="TFM", help="Look at one framework only, such as net8.0.")
@click.option("--baseline", "baseline_", type=click.Path(path_type=Path), help="Breaches in this file do not fail.")
@click.option("--write-baseline", type=click.Path(path_type=Path), help="Write the breaches of today to this file.")
@click.option("--output", multiple=True, type=click.Choice(_KINDS), help="Default: table. Repeatable, with --out each.")
@click.option("--out", multiple=True, type=click.Path(path_type=Path), help="Where the --output before it goes.")
@click.option("--pins", "with_pins", is_flag=True, help="Also print version ranges that stay with an open license.")
@click.option("--json", "as_json", is_flag=True, help="Short for --output json.")
def command(
    paths: tuple[str, ...],
    format_: Format | str,
    policy: Path | None,
    offline: bool,
    no_database: bool,
    spdx: Path | None,
    source: str | None,
    texts: bool,
    texts_seconds: float,
    private: tuple[str, ...],
    direct: bool,
    exclude_development: bool,
    framework: str | None,
    baseline_: Path | None,
    write_baseline: Path | None,
    output: tuple[str, ...],
    out: tuple[Path, ...],
    with_pins: bool,
    as_json: bool,
) -> None:
    """PATH is a manifest, a solution, a directory, or - for the standard input. Default: this directory.

    Manifests: packages.lock.json, project.assets.json, packages.config, project files with Directory.Packages.props,
    CycloneDX, SPDX, the output of `dotnet list package --format json`, package URLs, CSV. A version that is not stored
    is looked up at the package source: one request each.

    Exit codes: 0 no breach; 1 a breach; 2 a manifest, a policy or a setting is wrong; 3 no breach, but some version was
    not looked up.
    """
    kinds = ("json", *output) if as_json and "json" not in output else output
    places = _places(kinds, out)
    options = Options(
        paths=paths or (".",),
        format=next((one for one in FORMATS if one == format_), None),
        policy=policy,
        offline=offline,
        no_database=no_database,
        spdx=spdx,
        source=source,
        private=private,
        texts=texts,
        texts_seconds=texts_seconds,
        selection=Selection(direct, exclude_development, framework),
        baseline=baseline_,
        writes_baseline=write_baseline is not None,
    )
    with _Bar() as bar:
        report = session.audit(
            settings.load(), options, sys.stdin.buffer, lambda line: say(f"pkgintel: {plain(line)}", err=True), bar.tick
        )
    if write_baseline is not None:
        known = report.decided("baseline")
        entries = [(one.package.package_id, one.answer.declares, one.answer.verdict) for one in known]
        put(write_baseline, baseline.write(entries))
    for kind, place in places:
        _emit(report, kind, place)
    if with_pins:
        say(pins.write(report), err=("table", None) not in places)
    sys.exit(report.exit_code)


def _places(kinds: tuple[str, ...], out: tuple[Path, ...]) -> list[tuple[str, Path | None]]:
    """Each output with its file, None for stdout, which takes one document. Raises: SettingsError."""
    if len(out) > len(kinds):
        raise SettingsError("--out belongs to an --output: give one --output for each --out.")
    pairs: list[tuple[str, Path | None]] = [
        (kind, out[place] if place < len(out) else None) for place, kind in enumerate(kinds)
    ]
    # With all documents in files the table goes to the terminal.
    if all(place is not None for _, place in pairs):
        pairs.append(("table", None))
    if sum(place is None for _, place in pairs) > 1:
        raise SettingsError("stdout takes one document: give an --out for each --output but one.")
    return pairs


def _emit(report: Report, kind: str, place: Path | None) -> None:
    if kind == "table":
        if place is None and sys.stdout.isatty():
            console().print(audit_screen.screen(report))
        else:
            put(place, _plain_table(report))
    else:
        put(place, OUTPUTS[kind](report))


def _plain_table(report: Report) -> str:
    """The table without an end on the right, nor blanks before it."""
    drawn = console(file=io.StringIO())
    with drawn.capture() as lines:
        drawn.print(audit_screen.screen(report), soft_wrap=True)
    return "\n".join(line.rstrip() for line in lines.get().splitlines()) + "\n"
