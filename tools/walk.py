"""The way of a page through the packages, as its calls go: `.venv/bin/python -m tools.walk`.

A page of the sample is read by its task, and every call that crosses from one package into another is noted. A climb is
a call into a higher floor of the contract in pyproject.toml; a package's doors are the packages it is entered from.
"""

import sys
import tempfile
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = f"{ROOT / 'pkgintel'}/"
TOOLS = ("settings", "text", "errors", "nuget", "runtime")  # What any floor may pick up; a page does not pass through.


@dataclass(frozen=True, slots=True)
class Step:
    """A call from package `source` into function `name` of package `target`."""

    source: str
    target: str
    name: str


@dataclass(slots=True)
class Walk:
    """The steps of a walk in their order, each only once."""

    floors: dict[str, int]
    steps: list[Step] = field(default_factory=list)

    def climbs(self) -> list[Step]:
        """The steps up."""
        return [step for step in self.steps if self.floors[step.target] < self.floors[step.source]]

    def doors(self) -> dict[str, set[str]]:
        """The packages that a package is entered from, on the way down."""
        found: dict[str, set[str]] = {}
        for step in self.steps:
            if self.floors[step.target] > self.floors[step.source] and step.target not in TOOLS:
                found.setdefault(step.target, set()).add(step.source)
        return found


def floors() -> dict[str, int]:
    """The floor of each package, the highest first, as the contract has it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["id"] == "house")
    return {name.strip(): number for number, layer in enumerate(layers) for name in layer.split("|")}


@contextmanager
def traced() -> Iterator[Walk]:
    """The walk of what is called inside, in this thread and in those that it starts."""
    walk = Walk(floors())
    seen: set[Step] = set()

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event != "call" or not frame.f_code.co_filename.startswith(PACKAGE):
            return
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(PACKAGE):
            caller = caller.f_back
        if caller is None or _room(caller) == _room(frame):
            return
        step = Step(_room(caller), _room(frame), f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_qualname}")
        if step not in seen:
            seen.add(step)
            walk.steps.append(step)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield walk
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def _room(frame: FrameType) -> str:
    return frame.f_code.co_filename.removeprefix(PACKAGE).split("/")[0].removesuffix(".py")


def page(read: Callable[[], object]) -> Walk:
    """The walk of `read`, which reads one page."""
    with traced() as walk:
        read()
    return walk


def describe(walk: Walk) -> str:
    """The walk for a person."""
    lines = [f"{step.source:>9} > {step.target:<9} {step.name}" for step in walk.steps if step.target not in TOOLS]
    lines += ["", *(f"{name} is entered from {', '.join(sorted(doors))}" for name, doors in walk.doors().items())]
    climbs = [f"{step.source} > {step.target} {step.name}" for step in walk.climbs()]
    return "\n".join([*lines, f"{len(climbs)} climbs: {', '.join(climbs) or 'none'}"])


def main() -> None:
    """Read a page of the sample in a home of its own, and print its walk."""
    from pkgintel import tasks
    from pkgintel.database import migrations
    from pkgintel.pipeline import runs, scan
    from pkgintel.pipeline.states import Action, Kind, Source
    from pkgintel.runtime import deployment, process
    from pkgintel.settings import Settings

    with tempfile.TemporaryDirectory() as home:
        mine = process.start(deployment.resolve(Settings.model_validate({"home": home}), "sample"))
        migrations.apply(mine.deployment.database_url)
        with mine.database.connection() as conn:
            run_id = runs.open_run(conn, Source.NUGET, Action.SCAN, Kind.MANUAL)
            plan = scan.plan(conn, mine.deployment, mine.client, run_id, max_pages=1)
        mine.close()  # The threads of the client are traced from their start.
        if plan is not None:
            sys.stdout.write(describe(page(lambda: tasks.upsert_page(run_id, plan.pages[0]))) + "\n")
        process.end()


if __name__ == "__main__":
    main()
