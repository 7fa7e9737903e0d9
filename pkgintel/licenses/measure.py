"""Verdicts on a file of declarations, measured where the file says what was expected."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pkgintel.errors import SettingsError, UpstreamChanged
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.verdict import VERDICT_NAMES, Declaration, Judge, Verdict

REQUIRED = ("package_id", "license_expression", "license_url", "license_file")
EXPECTED = "expected_verdict"
DECIDED = ("open_source", "proprietary")
_FIELD_LIMIT = 10_000_000  # characters in one field; Python's own limit is 128 KiB


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """One row of the file, every column kept, with its verdict."""

    row: Mapping[str, str]
    verdict: Verdict

    @property
    def expected(self) -> str:
        return self.row.get(EXPECTED, "").strip()

    def columns(self) -> dict[str, str]:
        """The row as it is written out."""
        return {**self.row, "verdict": self.verdict.verdict, "rule": self.verdict.rule, "reason": self.verdict.reason}


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file in UTF-8, with or without a byte order mark.

    Raises: SettingsError with one sentence when it cannot be read, is not CSV, lacks a column, or expects what is no
    verdict.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not a text in UTF-8: byte {error.start + 1} cannot be decoded.") from None
    csv.field_size_limit(_FIELD_LIMIT)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = list(reader.fieldnames or [])
        missing = [name for name in REQUIRED if name not in names]
        if missing:
            raise SettingsError(f"{path} has no column {', '.join(missing)}; it needs {', '.join(REQUIRED)}.")
        if len(set(names)) < len(names):
            raise SettingsError(f"{path} names a column twice in its first line.")
        rows = []
        for row in reader:
            if None in row or None in row.values():
                raise SettingsError(
                    f"{path} line {reader.line_num} does not have the {len(names)} fields of its header."
                )
            if row.get(EXPECTED, "").strip() not in ("", *VERDICT_NAMES):
                raise SettingsError(
                    f"{path} line {reader.line_num} expects the verdict {row[EXPECTED]!r}; it is open_source, "
                    "proprietary, unknown or left empty."
                )
            rows.append(row)
    except csv.Error as error:
        raise SettingsError(f"{path} is not CSV at line {reader.line_num}: {error}.") from None
    return rows


def read_license_list(licenses: Path, exceptions: Path | None = None) -> LicenseList:
    """The SPDX list from its file; the exceptions from the file given, or the one lying beside it.

    Beside `licenses-3.28.0.json` that is `exceptions-3.28.0.json`, else `exceptions.json`, else the only
    `exceptions*.json` there is; without one, expressions with an exception stay undecided.

    Raises: SettingsError with one sentence.
    """
    if exceptions is None:
        beside = [
            licenses.with_name(name) for name in (licenses.name.replace("licenses", "exceptions"), "exceptions.json")
        ]
        found = [path for path in beside if path != licenses and path.is_file()]
        others = sorted(licenses.parent.glob("exceptions*.json"))
        exceptions = found[0] if found else others[0] if len(others) == 1 else None
    try:
        return LicenseList.parse(licenses.read_bytes(), exceptions.read_bytes() if exceptions else None)
    except OSError as error:
        raise SettingsError(f"{error.filename} cannot be read: {error.strerror}.") from None
    except UpstreamChanged as error:
        raise SettingsError(f"{licenses} is not an SPDX license list: {error}") from None


def judge_rows(rows: Iterable[Mapping[str, str]], judge: Judge) -> list[JudgedRow]:
    """A verdict for every row; equal declarations are judged once."""
    known: dict[Declaration, Verdict] = {}
    judged = []
    for row in rows:
        declaration = Declaration(row["license_expression"], row["license_file"], row["license_url"])
        if declaration not in known:
            known[declaration] = judge.judge(declaration)
        judged.append(JudgedRow(row, known[declaration]))
    return judged


def kind_of(row: Mapping[str, str]) -> str:
    """Which parts a row declares: "expression+url", "file+url", "url", "nothing", …"""
    parts = [part for part in ("expression", "file", "url") if row[f"license_{part}"].strip()]
    return "+".join(parts) or "nothing"


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


class Measures(Shares):
    """The measures of a judged file. What follows `rules` only counts rows that say what was expected.

    `decided_of_unknown`: rows decided although unknown was expected; they count in neither share.
    `proprietary_called_open`: the gravest mistake, as a number of rows.
    """

    rules: dict[str, int]
    confusion: dict[str, dict[str, int]]
    decided_of_unknown: int
    proprietary_called_open: int
    by_declaration: dict[str, Shares]
    disagreements: tuple[Disagreement, ...]


def summarise(judged: list[JudgedRow]) -> Measures:
    """The measures of a judged file."""
    measured = [item for item in judged if item.expected]
    confusion: dict[str, Counter[str]] = {}
    kinds: dict[str, list[JudgedRow]] = {}
    for item in measured:
        confusion.setdefault(item.expected, Counter())[item.verdict.verdict] += 1
    for item in judged:
        kinds.setdefault(kind_of(item.row), []).append(item)
    return Measures(
        **dict(_shares(judged)),
        rules=_counted(item.verdict.rule for item in judged),
        confusion={expected: dict(sorted(counts.items())) for expected, counts in sorted(confusion.items())},
        decided_of_unknown=sum(confusion.get("unknown", Counter())[verdict] for verdict in DECIDED),
        proprietary_called_open=confusion.get("proprietary", Counter())["open_source"],
        by_declaration={kind: _shares(items) for kind, items in sorted(kinds.items())},
        disagreements=tuple(map(_disagreement, filter(_disagrees, measured))),
    )


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
