"""How good the verdicts on a file of declarations are, where the file says what was expected."""

from collections import Counter
from collections.abc import Callable, Iterable

from pydantic import BaseModel, ConfigDict

from pkgintel.licenses.rows import JudgedRow, kind_of

DECIDED = ("open_source", "proprietary")


class Shares(BaseModel):
    """How good the decisions are, from 0 to 1; a share of nothing is None.

    `precision`: of the rows that were decided and expected to be open_source or proprietary, the share that agrees.
    `coverage`: of the rows expected to be open_source or proprietary, the share that was decided.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    precision: float | None
    coverage: float | None
    verdicts: dict[str, int]


class Disagreement(BaseModel):
    """A row that was decided against what it expected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    package_id: str
    version: str
    license_expression: str
    license_url: str
    license_file: str
    expected: str
    verdict: str
    rule: str
    reason: str


class Independent(Shares):
    """The shares of rows whose label does not come from where the URL table has its row from."""

    proprietary_called_open: int


class Measures(Shares):
    """The measures of a judged file. What follows `rules` only counts rows that say what was expected.

    `decided_of_unknown`: rows decided although unknown was expected; they count in neither share.
    `proprietary_called_open`: the gravest mistake, as a number of rows.
    `by_nature`: rows whose verdict rests on a page of the URL table.
    """

    rules: dict[str, int]
    confusion: dict[str, dict[str, int]]
    decided_of_unknown: int
    proprietary_called_open: int
    by_declaration: dict[str, Shares]
    by_rule: dict[str, Shares]
    by_nature: dict[str, Shares]
    independent: Independent
    disagreements: tuple[Disagreement, ...]


def summarise(judged: list[JudgedRow]) -> Measures:
    """The measures of a judged file."""
    measured = [item for item in judged if item.expected]
    confusion: dict[str, Counter[str]] = {}
    for item in measured:
        confusion.setdefault(item.expected, Counter())[item.verdict.verdict] += 1
    apart = [item for item in measured if not item.shares_its_source]
    return Measures(
        **dict(_shares(judged)),
        rules=_counted(item.verdict.rule for item in judged),
        confusion={expected: dict(sorted(counts.items())) for expected, counts in sorted(confusion.items())},
        decided_of_unknown=sum(confusion.get("unknown", Counter())[verdict] for verdict in DECIDED),
        proprietary_called_open=_called_open(measured),
        by_declaration=_by(judged, lambda item: kind_of(item.row)),
        by_rule=_by(judged, lambda item: item.verdict.rule),
        by_nature=_by(judged, lambda item: item.nature),
        independent=Independent(**dict(_shares(apart)), proprietary_called_open=_called_open(apart)),
        disagreements=tuple(map(_disagreement, filter(_disagrees, measured))),
    )


def _by(judged: list[JudgedRow], name_of: Callable[[JudgedRow], str | None]) -> dict[str, Shares]:
    groups: dict[str, list[JudgedRow]] = {}
    for item in judged:
        if name := name_of(item):
            groups.setdefault(name, []).append(item)
    return {name: _shares(items) for name, items in sorted(groups.items())}


def _called_open(judged: list[JudgedRow]) -> int:
    return sum((item.expected, item.verdict.verdict) == ("proprietary", "open_source") for item in judged)


def _disagrees(item: JudgedRow) -> bool:
    return item.verdict.verdict in DECIDED and item.verdict.verdict != item.expected


def _disagreement(item: JudgedRow) -> Disagreement:
    return Disagreement(
        package_id=item.row["package_id"],
        version=item.row.get("version", ""),
        license_expression=item.row["license_expression"],
        license_url=item.row["license_url"],
        license_file=item.row["license_file"],
        expected=item.expected,
        verdict=item.verdict.verdict,
        rule=item.verdict.rule,
        reason=item.verdict.reason,
    )


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _shares(judged: list[JudgedRow]) -> Shares:
    decidable = [item for item in judged if item.expected in DECIDED]
    decided = [item for item in decidable if item.verdict.verdict in DECIDED]
    right = sum(item.verdict.verdict == item.expected for item in decided)
    return Shares(
        rows=len(judged),
        precision=right / len(decided) if decided else None,
        coverage=len(decided) / len(decidable) if decidable else None,
        verdicts=_counted(item.verdict.verdict for item in judged),
    )
