"""What the benchmark says: lines as they are known, a table and a plot, and what docs/speed.md shows of it."""

import html
import re
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.checkout import CHECKOUT

RESULTS = CHECKOUT / "bench-results"
DOCS = CHECKOUT / "docs"
PAGE = DOCS / "speed.md"
APART = (
    "registry",
    "whole registry",
    "storage",
)  # Parts that have a place of their own in the page; the others share one.


@dataclass
class Row:
    """One line of the table."""

    part: str
    what: str
    values: list[float]
    unit: str
    note: str = ""
    target: str = ""
    show: bool = False

    def shown(self) -> str:
        """The median, and the spread where there were several rounds."""
        if not self.values:
            return "-"
        low, middle, high = min(self.values), statistics.median(self.values), max(self.values)
        text = f"**{_number(middle)}** {self.unit}".rstrip()
        return text if len(self.values) == 1 else f"{text} ({_number(low)} - {_number(high)})"


@dataclass
class Report:
    """The lines so far; each is printed as soon as it is known."""

    rows: list[Row] = field(default_factory=list)

    def add(
        self,
        part: str,
        what: str,
        values: Sequence[float] | float,
        unit: str = "",
        note: str = "",
        target: str = "",
        *,
        show: bool = False,
    ) -> None:
        """One more line. docs/speed.md shows those with a target, and those with `show`."""
        many = [values] if isinstance(values, int | float) else list(values)
        row = Row(part, what, many, unit, note, target, show or bool(target))
        self.rows.append(row)
        print(f"{part:12} {what:58} {row.shown()} {'[' + target + ']' if target else ''} {note}", flush=True)

    def markdown(self, title: str, rows: Sequence[Row] | None = None) -> str:
        """`rows` as a table, or all of them."""
        lines = [title, "", "| part | what | median (least - greatest) | target | note |", "|---|---|---|---|---|"]
        chosen = self.rows if rows is None else rows
        lines += [f"| {row.part} | {row.what} | {row.shown()} | {row.target} | {row.note} |" for row in chosen]
        return "\n".join(lines) + "\n"

    def publish(self, title: str) -> None:
        """Let docs/speed.md show this run, in the places of its parts: plots, and the lines to be shown."""
        places = {name: [row for row in self.rows if row.part == name] for name in APART}
        places["bench"] = [row for row in self.rows if row.part not in APART]
        for name, rows in places.items():
            if rows:
                self._show(name, title, [row for row in rows if row.show])
        if places["bench"]:
            plot(self, DOCS / "speed.svg")
        if places["registry"]:
            plot_registry(places["registry"], DOCS / "registry.svg")

    def _show(self, name: str, title: str, rows: Sequence[Row]) -> None:
        table, place = self.markdown(title, rows), rf"(<!-- {name}: .*? -->\n).*?(<!-- /{name} -->)"
        text, found = re.subn(
            place, lambda at: f"{at[1]}{table}{at[2]}", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        if not found:
            raise SystemExit(f"docs/speed.md has no place for the table: <!-- {name}: … --> … <!-- /{name} -->")
        PAGE.write_text(text, encoding="utf-8")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


class Ratios:
    """Rates by name, round by round, so that two can be divided within each round."""

    def __init__(self) -> None:
        self.rates: dict[Any, list[float]] = defaultdict(list)

    def of(self, one: Any, other: Any) -> list[float]:
        """`one` divided by `other` in each round."""
        return [mine / theirs for mine, theirs in zip(self.rates[one], self.rates[other], strict=False)]


def plot_registry(rows: Sequence[Row], path: Path) -> None:
    """Bars of the seconds of a load of a registry: its phases, then the CPU of each kind of process."""
    told = [row for row in rows if row.unit == "s" and row.what.startswith(("…", "CPU of"))]
    most = max((statistics.median(row.values) for row in told), default=1)
    parts = []
    for number, row in enumerate(told):
        top, value = 40 + 26 * number, statistics.median(row.values)
        colour = "#9aa0a6" if row.what.startswith("CPU") else "#2f6f4f"
        parts.append(
            f'<text x="250" y="{top + 13}" text-anchor="end">{html.escape(row.what)}</text>'
            f'<rect x="260" y="{top}" width="{560 * value / most:.0f}" height="18" fill="{colour}"/>'
            f'<text x="{268 + 560 * value / most:.0f}" y="{top + 13}">{_number(value)} s</text>'
        )
    _draw(path, "Seconds of the load of a registry (green: of the clock; grey: of CPU)", parts)


def plot(report: Report, path: Path) -> None:
    """Bars of the first loads, by hand: one file, no library."""
    rows = [row for row in report.rows if row.unit == "leaves/s" and row.part in ("first load", "dlt") and row.values]
    most = max((max(row.values) for row in rows), default=1)
    parts = []
    for number, row in enumerate(rows):
        top = 40 + 26 * number
        low, middle, high = (520 * f / most for f in (min(row.values), statistics.median(row.values), max(row.values)))
        colour = "#2f6f4f" if "process" in row.what else "#9aa0a6"
        parts.append(
            f'<text x="330" y="{top + 13}" text-anchor="end">{html.escape(row.what)}</text>'
            f'<rect x="340" y="{top}" width="{middle:.0f}" height="18" fill="{colour}"/>'
            f'<line x1="{340 + low:.0f}" x2="{340 + high:.0f}" y1="{top + 9}" y2="{top + 9}" stroke="#000"/>'
            f'<text x="{348 + high:.0f}" y="{top + 13}">{statistics.median(row.values):,.0f}</text>'
        )
    _draw(path, "Leaves per second, first load (median; line: least to greatest)", parts)


def _draw(path: Path, title: str, bars: Sequence[str]) -> None:
    height = 60 + 26 * len(bars)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 940 {height}" font-family="sans-serif" font-size="11">'
        f'<rect width="940" height="{height}" fill="#fff"/><text x="16" y="22" font-size="14">{title}</text>'
        f"{''.join(bars)}</svg>\n"
    )
