"""What a user reads is plain: in messages, help texts, docstrings of tasks, alerts, pages and docs.

Only words that have a plainer one in every place are listed, so a hit is never a false alarm.
"""

import ast
import re
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from pkgintel import cli
from tests.support.checkout import CHECKOUT

CRABBED = re.compile(
    r"\btold\b|\btells\b|\bto be had\b|\b(?:can|could|cannot) (?:not )?be had\b|\bwere had\b|\bspoilt\b|\bspoken to\b"
    r"|(?-i:\bDESIGN\b)|\bwants to be sure\b|\bmay not get lost\b|\bown configuration\b",
    re.IGNORECASE,
)
TEXTS = [
    CHECKOUT / name
    for name in (
        *("README.md", "CHANGELOG.md", "Makefile", "docker-compose.yml", "Dockerfile", "Procfile", "celeryconfig.py"),
        *(".ci/run", ".ci/setup", "pkgintel/flower/alerts.yml"),
    )
]
CODE = sorted((CHECKOUT / "pkgintel").rglob("*.py"))
# Their docstrings are what a Python shell shows of a task, and what `--help` shows of a command.
SHOWN = {"tasks", "cli"}


def sentences(source: str, *, docstrings: bool) -> Iterator[str]:
    """The texts in a module: its messages, and its docstrings where they are asked for."""
    tree = ast.parse(source)
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    written = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, holders) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (docstrings or id(node) not in written):
            yield node.value


def test_messages_and_help_texts() -> None:
    found = [
        f"{path.relative_to(CHECKOUT)}: {text.strip()[:90]}"
        for path in CODE
        for text in sentences(path.read_text(), docstrings=path.parent.name in SHOWN)
        if " " in text and CRABBED.search(text)
    ]
    assert found == []


def test_pages_and_files_of_an_operator() -> None:
    texts = [*TEXTS, *sorted((CHECKOUT / "docs").glob("*.md")), *sorted((CHECKOUT / "sql").rglob("*.sql"))]
    found = [
        f"{path.relative_to(CHECKOUT)}: {line.strip()[:90]}"
        for path in texts
        for line in path.read_text().splitlines()
        if CRABBED.search(line) and "migrations" not in path.parts
    ]
    assert found == []


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_is_set_in_paragraphs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["pkgintel", name, "--help"])
    shown = CliRunner().invoke(cli.pkgintel, [name, "--help"])
    assert shown.exit_code == 0
    assert re.search(r"\w {3,}\w", shown.output.split("\nOptions:")[0]) is None, "a line's indent stands in a sentence"
