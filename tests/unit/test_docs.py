"""README and docs are true where a machine can tell: what there is has its line, and what they show exists."""

import copy
import inspect
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from pkgintel import cli, errors, tasks
from pkgintel.celery import app
from pkgintel.licenses.verdict import RULES
from pkgintel.pipeline import checks
from pkgintel.settings import Settings
from tests.support.checkout import CHECKOUT
from tests.support.pages import DOCS, PAGES, shown_commands

EVERYTHING = "\n".join(page.read_text() for page in PAGES)


def doc(name: str) -> str:
    return (DOCS / f"{name}.md").read_text()


def first_cells(text: str) -> set[str]:
    """What the first column of the tables names, in code font."""
    return {name for row in re.findall(r"^\| (`.+?) \|", text, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)}


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_is_short() -> None:
    assert len((CHECKOUT / "README.md").read_text().splitlines()) <= 130


def test_the_table_of_rules_is_the_codes() -> None:
    table = doc("verdicts").split("<!-- rules:")[1].split("\n\n")[0]
    assert dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", table, re.MULTILINE)) == dict(RULES)


def test_every_package_and_module_is_on_its_floor() -> None:
    table = doc("architecture").split("<!-- modules:")[1].split("\n\n")[0]
    named = {
        row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2]))
        for row in re.findall(r"^\| (\S+) \| (.+) \| (.+) \|$", table, re.MULTILINE)
        if row[0] != "package" and not row[0].startswith("---")
    }
    there: dict[str, set[str]] = {"(modules)": set()}
    for path in (CHECKOUT / "pkgintel").rglob("*.py"):
        folder = path.parent.relative_to(CHECKOUT / "pkgintel")
        room = str(folder) if folder.parts else "(modules)"
        there.setdefault(room, set()).update({path.stem} - {"__init__", "__main__"})
    assert named == there


def test_every_setting_is_in_the_table_with_its_default_and_nothing_else() -> None:
    rows = dict(re.findall(r"^\| `(PKGINTEL_\w+)` \| (.+?) \|", doc("settings"), re.MULTILINE))
    fields = Settings.model_fields.items()
    defaults = {name: "unset" if field.default is None else f"`{field.default}`" for name, field in fields}
    assert rows == {f"PKGINTEL_{name.upper()}": default for name, default in defaults.items()}


def test_every_variable_that_is_named_is_a_setting() -> None:
    known = {f"PKGINTEL_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"\bPKGINTEL_[A-Z_]+\b", EVERYTHING))
    assert {name.removesuffix("_FILE") for name in named} <= known


def test_every_table_and_view_has_its_line() -> None:
    schema = "".join(path.read_text() for path in (CHECKOUT / "sql" / "migrations").glob("*.sql"))
    made = re.findall(r"^CREATE (?:OR REPLACE )?(?:TABLE|VIEW)(?: IF NOT EXISTS)? (\w+\.\w+)", schema, re.MULTILINE)
    made += [f"{room}.{name}" for room, name in re.findall(r"ALTER TABLE (\w+)\.\w+ RENAME TO (\w+)", schema)]
    lines = first_cells(doc("glossary").split("## Tables")[1].split("\n## ")[0])
    assert lines == set(made) - set(re.findall(r"^DROP (?:TABLE|VIEW) (\w+\.\w+)", schema, re.MULTILINE))


def test_every_cause_of_a_changed_verdict_has_its_line() -> None:
    schema = [path.read_text() for path in sorted((CHECKOUT / "sql" / "migrations").glob("0*.sql"))]
    newest = re.findall(r"cause IN \(([^)]+)\)", "".join(schema))[-1]
    table = doc("verdicts").split("| cause |")[1].split("\n\n")[0]
    assert first_cells(table) == set(re.findall(r"'([a-z-]+)'", newest))


def test_every_task_has_its_line() -> None:
    table = doc("glossary").split("## Tasks")[1].split("##")[0]
    rows = dict(re.findall(r"^\| `([\w.]+)` \| `(\w+)` \|", table, re.MULTILINE))
    assert rows == {getattr(tasks, name).name: name for name in tasks.__all__}
    assert set(rows) == {name for name, task in app.tasks.items() if task.run.__module__.startswith("pkgintel.")}


def test_every_error_has_its_line_and_exit_code() -> None:
    table = doc("glossary").split("## Errors")[1]
    rows = {name: int(code) for name, code in re.findall(r"^\| `(\w+)` \|.* (\d) \|$", table, re.MULTILINE)}
    every = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.PkgintelError)]
    assert rows == {kind.__name__: kind.exit_code for kind in every}


def test_every_alert_has_its_line() -> None:
    rules = (CHECKOUT / "pkgintel" / "flower" / "alerts.yml").read_text()
    lines = {name for name in first_cells(doc("operating")) if name.startswith("Pkgintel")}
    assert lines == set(re.findall(r"- alert: (\w+)", rules))


def test_every_check_has_its_line() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (blocking|warning) \|", doc("operating"), re.MULTILINE)
    found = [check for gate in checks.ASSETS for check in checks.of_gate(gate, Settings())]
    every = {(check.name, check.gate, "blocking" if check.blocking else "warning") for check in found}
    assert set(rows) == every | {
        (checks.REJECT_LIMIT_CHECK, checks.PACKAGES, "blocking"),
        (checks.NEGATIVES_CHECK, checks.TEXTS, "blocking"),
    }


def test_every_command_is_in_the_table_of_the_readme() -> None:
    table = (CHECKOUT / "README.md").read_text().split("| command |")[1].split("\n\n")[0]
    assert {cell.split()[1] for cell in first_cells(table)} == set(cli.COMMANDS)


def test_every_command_and_target_is_shown() -> None:
    assert {name for name in cli.COMMANDS if not re.search(rf"pkgintel {name}\b", EVERYTHING)} == set()
    targets = re.findall(r"^([a-z-]+):.*## ", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    assert {name for name in targets if not re.search(rf"make {name}\b", EVERYTHING)} == set()


def _parse_pkgintel(words: list[str]) -> None:
    """Each word is a command, option or argument of the command line. Raises: click.UsageError."""
    command: click.Command = cli.pkgintel
    context = click.Context(command)
    while isinstance(command, click.Group) and words:
        found = command.get_command(context, words[0])
        if found is None:
            assert command.invoke_without_command, words
            break
        command, words = found, words[1:]
    command = copy.deepcopy(command)
    for parameter in command.params:
        if isinstance(parameter.type, click.Path | click.File):
            parameter.type = click.STRING  # The files of an example are not there.
    command.make_context(command.name, list(words))


def _parse_make(words: list[str]) -> None:
    targets = [word for word in words if "=" not in word]
    subprocess.run(["make", "-n", "-o", "setup", *words], cwd=CHECKOUT, check=True, capture_output=True)
    assert targets


def _parse_celery(words: list[str]) -> None:
    assert words[:2] == ["-A", "pkgintel"]
    assert words[2] in ("worker", "beat", "flower", "shell", "inspect")


PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "pkgintel": _parse_pkgintel,
    "make": _parse_make,
    "celery": _parse_celery,
    "pg_dump": lambda _words: None,  # These two are typed in tests/integration/database/test_backup.py.
    "pg_restore": lambda _words: None,
}


@pytest.mark.parametrize(("page", "line"), list(shown_commands()))
def test_every_command_shown_can_be_typed(page: str, line: str) -> None:
    program, *words = shlex.split(line, comments=True)
    PROGRAMS[program.removeprefix(".venv/bin/")](words)


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
            path, _, anchor = target.partition("#")
            if not path.startswith("http"):
                there = (page.parent / path) if path else page
                assert there.is_file(), f"{page.name}: {target}"
                assert not anchor or anchor in anchors(there), f"{page.name}: {target}"


def test_every_page_is_linked_from_the_readme() -> None:
    readme = (CHECKOUT / "README.md").read_text()
    assert {page.name for page in DOCS.iterdir() if f"docs/{page.name}" not in readme} <= {"speed.svg", "registry.svg"}


def test_every_path_that_is_named_exists() -> None:
    named = re.findall(r"`((?:pkgintel|tests|sql|docs|\.ci)/[\w./-]+)`", EVERYTHING)
    assert {path for path in named if not (CHECKOUT / path).exists()} == set()


def test_the_benchmarks_table_and_plot_are_there() -> None:
    shown = doc("speed").split("<!-- bench: ")[1].split("<!-- /bench -->")[0]
    assert shown.count("\n| ") > 10
    assert "`make bench" in shown
    assert all((DOCS / name).read_text().startswith("<svg") for name in ("speed.svg", "registry.svg"))
