"""The door to the terminal: every line, table and JSON object of a command goes through here.

Whatever a text holds, no control character reaches the terminal and nothing in it is taken for markup. Words of state
have their colours. What goes into a pipe or a file is not wrapped, so that each sentence stays on one line.
"""

import json
import os
from collections.abc import Iterable
from typing import IO

import click
from pydantic import JsonValue
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from pkgintel.text import visible

UNWRAPPED = 100_000  # Columns of what is no terminal.
STYLES = {
    "fresh": "green", "ok": "green", "done": "green", "caught_up": "green", "enabled": "green", "HEALTHY": "bold green",
    "STALE": "bold red", "BLOCKED": "bold red", "FAILED": "bold red", "NOT HEALTHY": "bold red",
    "failed": "red", "blocked": "red", "lost": "red", "LOST": "bold red",
    "warns": "yellow", "aborted": "yellow", "stopped": "yellow", "running": "cyan", "skipped": "dim",
    "open_source": "bold green", "proprietary": "bold red", "unknown": "bold yellow",
}  # fmt: skip


def word(text: str) -> Text:
    """A word of state in its colour; every other word as it is."""
    return Text(text, style=STYLES.get(text, ""))


class _Door(Console):
    """A console that draws text without control characters; those of its own for colours and cursor stay."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def console(*, stderr: bool = False, file: IO[str] | None = None) -> Console:
    """Where tables and screens are drawn: as wide as the terminal, COLUMNS where it is set, else without an end."""
    made = _Door(stderr=stderr, file=file, markup=False, highlight=False, emoji=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = UNWRAPPED
    return made


def say(line: str, *, err: bool = False, before: str = "") -> None:
    """One line, or a few; `before` is a text of our own, which may be coloured."""
    click.echo(before + visible(line), err=err)


def emit(found: JsonValue) -> None:
    """One JSON object on stdout, in ASCII."""
    click.echo(json.dumps(found, indent=2).replace("\x7f", "\\u007f"))
