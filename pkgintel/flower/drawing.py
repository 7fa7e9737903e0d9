"""How the page Pipeline draws what a report holds: words, colours, bars and the plot."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import JsonValue
from tornado.escape import xhtml_escape

from pkgintel.licenses.evidence import VERDICT_NAMES
from pkgintel.pipeline.checks import NONEMPTY_CHECK, REJECT_LIMIT_CHECK, TEXTS
from pkgintel.pipeline.states import State
from pkgintel.reports.assets import Asset
from pkgintel.reports.gates import CheckResult
from pkgintel.reports.history import CheckValue
from pkgintel.reports.runs import ListedRun
from pkgintel.reports.shape import Number
from pkgintel.reports.status import Status
from pkgintel.reports.totals import VerdictPoint
from pkgintel.reports.work import RunInProgress
from pkgintel.text import ago, plain, span


def format_task(task: Any) -> Any:
    """A task as Flower's tables show it: no quotes around a sentence, no arguments that say nothing.

    The result of one that failed, or is tried again, is why.
    """
    if task.state in ("FAILURE", "RETRY") and task.exception and not task.result:
        task.result = _words(task.exception)
    if isinstance(task.result, str) and task.result[:1] == task.result[-1:] and task.result[:1] in ("'", '"'):
        task.result = task.result[1:-1]
    if task.args in ("()", "[]"):
        task.args = _named(task.kwargs) if task.kwargs else ""
    return task


def _words(exception: str) -> str:
    """The words of an exception, which events carry as Python writes it: its name, then what it says in quotes."""
    told = re.fullmatch(r"\w+\((['\"])(.*)\1,?\)", exception, re.DOTALL)
    return plain(told[2] if told else exception)


def _named(arguments: str) -> str:
    """The named arguments of a task without quotes, and without those that were not given."""
    given = [part for part in arguments.strip("{}").split(", ") if part and not part.endswith(": None")]
    return ", ".join(given).replace("'", "")


def badge(asset: Asset) -> tuple[str, str]:
    """How an asset stands, in a word, and the colour of that: blocked before never, stale and fresh."""
    if asset.blocked:
        return "blocked", "bad"
    if asset.last_success is None:
        return "never", "off"
    return ("fresh", "good") if asset.fresh else ("stale", "warn")


def parts(run: RunInProgress | ListedRun) -> list[tuple[str, float]]:
    """The bar of a run's pages: what is done, failed and left, in percent."""
    total = run.pages_total
    if not total:
        return []
    done, failed = 100 * run.pages_done / total, 100 * run.pages_failed / total
    return [("done", done), ("failed", failed), ("left", max(0.0, 100 - done - failed))]


def colour(state: State) -> str:
    """The colour of how a run stands."""
    if state is State.RUNNING:
        return "busy"
    return "good" if state.good else "bad" if state.bad else "off"


def verdict(check: CheckResult) -> tuple[str, str]:
    """What a check's result means, in a word, and the colour of that."""
    if check.passed:
        return "passed", "good"
    return ("BLOCKS", "bad") if check.blocking else ("warns", "warn")


def effect(check: CheckValue) -> str:
    """What comes of a check that fails."""
    if not check.blocking:
        return "a warning: it stops nothing"
    held = "no license text that was read reaches a verdict" if check.gate == TEXTS else "nothing further is judged"
    return f"blocking: while it fails, {held}"


def short(seconds: float) -> str:
    """A length of time that may be less than a second."""
    return f"{seconds:.1f} s" if seconds < 10 else span(seconds)


def detail(value: JsonValue) -> str:
    """What else there is to say of a run, in words: a table of numbers as a list of them."""
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {told}" for name, told in value.items())
    return str(value)


def prose(sentence: str) -> str:
    """A sentence as HTML, its `commands` as code."""
    pieces = xhtml_escape(plain(sentence)).split("`")
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))


def share(part: float) -> str:
    """A share in percent."""
    return f"{100 * part:.1f}\u00a0%"


def measure(check: CheckResult, number: Number | None) -> str:
    """Value or threshold of a check as a person reads it: ages as a length of time, shares in percent."""
    if number is None:
        return "never" if check.is_freshness else "nothing"
    if check.is_freshness:
        return span(number)
    if check.name == REJECT_LIMIT_CHECK:
        return f"{100 * number:.2f}\u00a0%"
    return f"{number:,.10g}"


def measured(check: CheckResult) -> str:
    """The value of a check as a person reads it. Packages are counted no further than needed."""
    counted = check.name == NONEMPTY_CHECK and (check.value or 0) >= 1
    return "1 or more" if counted else measure(check, check.value)


def since(when: datetime | None, report: Status) -> str:
    """How long before the report something was."""
    return "never" if when is None else ago(report.since(when))


@dataclass(frozen=True, slots=True)
class Areas:
    """A plot of shares over time: a path for each verdict, the times it begins and ends, and its number of points."""

    paths: Mapping[str, str]
    begin: datetime
    end: datetime
    points: int


def areas(history: Sequence[VerdictPoint], now: datetime) -> Areas | None:
    """The plot of verdict shares over time: a path for each verdict, stacked from below, in a box of 1000 by 100.

    A share holds until the next classification that changed something; the last one holds until `now`. None where
    there is too little to draw.
    """
    points = [(point.at, [point.open_source or 0, point.proprietary or 0, point.unknown or 0]) for point in history]
    points = [(at, counts) for at, counts in points if sum(counts)]
    if not points:
        return None
    begin, end = points[0][0], max(now, points[-1][0])
    width = (end - begin).total_seconds()
    if width <= 0:
        return None
    xs = [1000 * (at - begin).total_seconds() / width for at, _ in points] + [1000.0]
    paths: dict[str, str] = {}
    below = [0.0] * len(points)
    for index, name in enumerate(VERDICT_NAMES):
        above = [base + 100 * counts[index] / sum(counts) for base, (_, counts) in zip(below, points, strict=True)]
        paths[name] = f"M{_steps(xs, above)}L{_steps(xs, below, back=True)}Z"
        below = above
    return Areas(paths, begin, end, len(points))


def _steps(xs: Sequence[float], ys: Sequence[float], *, back: bool = False) -> str:
    corners = [f"{x:.1f} {100 - y:.2f}" for left, right, y in zip(xs, xs[1:], ys, strict=False) for x in (left, right)]
    return "L".join(reversed(corners) if back else corners)
