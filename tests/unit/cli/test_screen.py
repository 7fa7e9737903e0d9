"""The door to the terminal: nothing else writes there, and nothing passes that could change the terminal."""

import ast
import io
import json
import logging

import pytest
from rich.table import Table
from rich.text import Text

from pkgintel.cli import screen
from pkgintel.runtime import logs
from pkgintel.text import plain, quoted
from tests.support.checkout import CHECKOUT

HOSTILE = "\x1b[2J\x1b]0;title\x07 \x9b31m \u202egnp \u2066x \x7f \ud800 [/x] [bold]b :smile:"
CALLS = {"click.echo", "click.secho", "print", "Console", "sys.stdout.write", "sys.stderr.write"}


def controls(text: str) -> set[str]:
    """What of `text` a terminal would obey instead of show."""
    forbidden = {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), *map(chr, range(0x202A, 0x202F)), "\u2066"}
    return set(text) & (forbidden - {"\n"})


def test_nothing_but_the_door_writes_to_the_terminal() -> None:
    found = []
    for path in (CHECKOUT / "pkgintel" / "cli").glob("*.py"):
        calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
        found += [(path.name, call) for call in calls & CALLS if path.name != "screen.py"]
    documents = {("files.py", "click.echo"), ("judge.py", "click.echo")}
    assert set(found) == documents, "but the documents of an audit and the CSV of judge: bytes for other programs"


def test_lines_tables_and_json_hold_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    screen.say(HOSTILE)
    screen.say(HOSTILE, err=True)
    table = Table(HOSTILE)
    table.add_row(HOSTILE)
    for drawn in (HOSTILE, Text(HOSTILE), table):
        screen.console().print(drawn)
    screen.emit({"a": HOSTILE.replace("\ud800", "")})
    out, err = capsys.readouterr()
    assert controls(out + err) == set()
    assert out.count("[/x] [bold]b :smile:") >= 4, "and nothing in it is markup"


def test_what_goes_into_a_pipe_is_not_wrapped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    sentence = "word " * 100 + "end"
    screen.console().print(sentence)
    assert capsys.readouterr().out == sentence + "\n"
    monkeypatch.setenv("COLUMNS", "60")
    screen.console().print(sentence)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60


@pytest.mark.parametrize("text", ["Acme", "a b", "$(reboot)", "`reboot`", "'; reboot; '", "\x1b[31m\nx"])
def test_a_command_that_is_offered_is_one_word(text: str) -> None:
    import shlex

    assert shlex.split(quoted(text)) == [plain(text)]
    assert "\n" not in quoted(text)


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_foreign_text_forges_a_line_of_the_log(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        logs.set_up(form)
        with logs.about(page="https://c.test/\x1b[2J\n2026-01-01T00:00:00.000Z INFO page forged"):
            logging.getLogger("a").warning("@type is %s", "x\n2026-01-01T00:00:00.000Z ERROR forged\x1b[31m\u202e")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    first, *rest = stream.getvalue().splitlines()
    assert all(line.startswith("    ") for line in rest)
    assert controls(stream.getvalue()) == set()
    if form == "json":
        assert rest == []
        assert json.loads(first)["level"] == "warning"
