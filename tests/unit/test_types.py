"""What crosses a border has a type: no untyped mapping, no `Any`, and no empty text that stands in for None."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkout import CHECKOUT

UNTYPED = ("Any", "object", "database.Row")
ROOMS = (
    "audit",
    "reports",
    "cli",
    "flower",
    "tasks",
    "pipeline",
    "runtime",
    "upstream",
    "database",
    "nuget",
    "licenses",
    "sample",
    "local",
)
EXCEPTIONS = {
    ("flower/drawing.py", "format_task"): "Flower's own task, changed before Flower draws it",
    ("upstream/client.py", "Client.run"): "what an async function gives, as the standard library names it",
    ("upstream/loop.py", "Loop.run"): "what an async function gives, as the standard library names it",
    ("sample/leaf.py", "rendered"): "a document of NuGet's, which json.dumps takes",
    ("local/home.py", "open_own"): "a file of texts or of bytes, as its mode says",
    ("local/guardian.py", "read"): "a file that may be damaged: whoever reads it looks at what is there",
    ("local/guardian.py", "write"): "such a file, which json.dump takes",
    ("local/postgres.py", "Account.popen"): "arguments of Popen",
    ("local/postgres.py", "Postgres.options"): "arguments of Popen",
    ("local/server.py", "Server.options"): "arguments of Popen",
    ("local/valkey.py", "Valkey.options"): "arguments of Popen",
}


def annotations(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Name and annotation of all that is public: arguments and results of functions, and what classes hold."""
    for node in tree.body:
        yield from _of(node, "")
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for member in node.body:
                yield from _of(member, f"{node.name}.")


def _of(node: ast.stmt, within: str) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
        yield within + node.target.id, node.annotation
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
        arguments = node.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if argument.annotation is not None:
                yield within + node.name, argument.annotation
        if node.returns is not None:
            yield within + node.name, node.returns


def untyped(path: Path) -> list[str]:
    """The public names of a module whose annotation is untyped."""
    found = []
    for name, annotation in annotations(ast.parse(path.read_text())):
        parts = {ast.unparse(part) for part in ast.walk(annotation) if isinstance(part, ast.Name | ast.Attribute)}
        if parts & set(UNTYPED):
            found.append(f"{name}: {ast.unparse(annotation)}")
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_no_untyped_mapping_crosses_the_border_of(room: str) -> None:
    root = CHECKOUT / "pkgintel"
    found = {str(path.relative_to(root)): untyped(path) for path in (root / room).rglob("*.py")}
    lines = [(name, line) for name, names in found.items() for line in names]
    assert [(name, line) for name, line in lines if (name, line.split(":")[0]) not in EXCEPTIONS] == []


def test_what_is_untyped_is_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "def a(b: dict[str, Any]) -> int: ...\nclass C:\n    d: Mapping[str, object]\ndef _e() -> Any: ...\n"
    )
    assert untyped(module) == ["a: dict[str, Any]", "C.d: Mapping[str, object]"]


def stand_ins(source: str) -> list[str]:
    """Where an empty text stands in for one that is not there: `x or ""`, however it is quoted."""
    found = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or)
    ]
    return [
        ast.unparse(node)
        for node in found
        if any(isinstance(it, ast.Constant) and it.value == "" for it in node.values)
    ]


def test_no_empty_text_stands_in_for_one_that_is_not_there() -> None:
    found = {path: stand_ins(path.read_text()) for path in (CHECKOUT / "pkgintel").rglob("*.py")}
    assert {str(path): lines for path, lines in found.items() if lines} == {}


def test_an_empty_text_that_stands_in_is_found() -> None:
    assert stand_ins("a = b or ''\nc = f(d or e or \"\")\ng = h or 'i'") == ["b or ''", "d or e or ''"]
