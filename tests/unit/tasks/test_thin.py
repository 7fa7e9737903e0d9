"""A task is its docstring and a call or two: how it is begun, tried again and ended stands once, in its base."""

import ast
import re

from pkgintel import tasks
from pkgintel.celery import app
from pkgintel.tasks.base import TRIES, Task
from tests.support.checkout import CHECKOUT

LINES = 10
FOLDER = CHECKOUT / "pkgintel" / "tasks"


def functions() -> dict[str, ast.FunctionDef]:
    """The function of each task, by the module and the name that it bears."""
    return {
        f"{path.stem} {node.name}": node
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(one, ast.Call) and ast.unparse(one.func) == "task" for one in node.decorator_list)
    }


def test_every_task_is_short_and_says_what_to_pass() -> None:
    found = functions()
    assert len(found) == len(tasks.__all__)
    for name, node in found.items():
        assert "Pass" in (ast.get_docstring(node) or ""), name
        lines = {line for one in node.body[1:] for line in range(one.lineno, (one.end_lineno or 0) + 1)}
        assert len(lines) <= LINES, f"{name} has {len(lines)} lines"


def test_every_task_has_the_one_base_and_lies_in_the_module_of_its_name() -> None:
    own = {name: task for name, task in app.tasks.items() if not name.startswith(("celery.", "pytest_"))}
    assert {task.name for task in (getattr(tasks, name) for name in tasks.__all__)} == set(own)
    for name, task in own.items():
        assert isinstance(task, Task), name
        assert task.run.__module__ == f"pkgintel.tasks.{name.partition('.')[0]}"
    assert {name: task.max_retries for name, task in own.items() if task.max_retries != TRIES} == {"ops.upkeep": 0}


def test_what_may_be_tried_again_and_how_often_stands_in_one_module() -> None:
    policy = re.compile(r"^(TRIES|SENDS|PASSING)\b.*=|\.retry\(|^\s*(from|import) (random|stamina)\b", re.MULTILINE)
    assert [path.name for path in FOLDER.glob("*.py") if policy.search(path.read_text())] == ["base.py"]
