"""Small plots as the paths of an SVG: a line of values over time with its threshold, and a bar for each run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pkgintel.reports.history import CheckValue, Volume
from pkgintel.reports.shape import Number

POINTS = 300


@dataclass(frozen=True, slots=True)
class Line:
    """A line in a box of 1000 by 100: its path, the height of its threshold, and what its edges stand for."""

    path: str
    bound: float | None
    least: Number
    most: Number
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar in a box of 1000 by 100, from below: of what was stored, and of what was rejected above it."""

    x: float
    width: float
    stored: float
    refused: float
    volume: Volume


def line(history: Sequence[CheckValue]) -> Line | None:
    """The values of a check over time; a value holds until the next one. None where fewer than two were measured.

    The threshold is in the box too, unless the values are so far from it that they would be a straight line.
    """
    points = [(one.checked_at, one.value) for one in _thinned(history) if one.value is not None]
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return None
    values, bound = [value for _, value in points], history[-1].threshold
    least, most = min(values), max(values)
    if bound is not None and abs(bound - most) <= 4 * max(most - least, abs(most), 1):
        least, most = min(least, bound), max(most, bound)
    else:
        bound = None

    def height(value: Number) -> float:
        return 96 - 92 * (value - least) / (most - least) if most > least else 50.0

    begin, end = points[0][0], points[-1][0]
    width = (end - begin).total_seconds()
    path, before = "", 0.0
    for at, value in points:
        x, y = 1000 * (at - begin).total_seconds() / width, height(value)
        path += f"L{x:.1f} {before:.1f}L{x:.1f} {y:.1f}" if path else f"M{x:.1f} {y:.1f}"
        before = y
    return Line(path, None if bound is None else height(bound), least, most, begin, end)


def _thinned(history: Sequence[CheckValue]) -> list[CheckValue]:
    """So few that a plot can show each: of those that lie close together one that failed, or the last."""
    step = max(1, len(history) // POINTS)
    groups = [history[at : at + step] for at in range(0, len(history), step)]
    return [next((one for one in group if not one.passed), group[-1]) for group in groups]


def bars(volumes: Sequence[Volume]) -> list[Bar]:
    """A bar for each run, as high as it brought leaves; the highest fills the box."""
    most = max((volume.leaves for volume in volumes), default=0)
    if not most:
        return []
    step = 1000 / max(len(volumes), 12)
    found = []
    for number, volume in enumerate(volumes):
        height = max(100 * volume.leaves / most, 1.5 if volume.leaves else 0.0)
        refused = height * volume.rejected / volume.leaves if volume.leaves else 0.0
        found.append(Bar(number * step + step * 0.1, step * 0.8, height - refused, refused, volume))
    return found
