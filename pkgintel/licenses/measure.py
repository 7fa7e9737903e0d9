"""Verdicts on a file of declarations, measured where the file says what was expected."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pkgintel.errors import SettingsError, UpstreamChanged
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.verdict import Declaration, Judge, Verdict

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
            if row.get(EXPECTED, "").strip() not in ("", *DECIDED, "unknown"):
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


def summarise(judged: list[JudgedRow]) -> dict[str, Any]:
    """The measures of a judged file as JSON.

    `verdicts`, `rules`: rows of each. The rest only counts rows that say what was expected:
    `precision`: of the rows that were decided and expected to be open_source or proprietary, the share that agrees.
    `coverage`: of the rows expected to be open_source or proprietary, the share that was decided.
    `decided_of_unknown`: rows decided although unknown was expected; they count in neither share.
    `proprietary_called_open`: the gravest mistake, as a number of rows. A share of nothing is null.
    """
    measured = [item for item in judged if item.expected]
    confusion: dict[str, Counter[str]] = {}
    kinds: dict[str, list[JudgedRow]] = {}
    for item in measured:
        confusion.setdefault(item.expected, Counter())[item.verdict.verdict] += 1
    for item in judged:
        kinds.setdefault(kind_of(item.row), []).append(item)
    disagreements = [
        {
            **{name: item.row.get(name, "") for name in ("package_id", "version", *REQUIRED[1:])},
            "expected": item.expected,
            "verdict": item.verdict.verdict,
            "rule": item.verdict.rule,
            "reason": item.verdict.reason,
        }
        for item in measured
        if item.verdict.verdict in DECIDED and item.verdict.verdict != item.expected
    ]
    return {
        "rows": len(judged),
        **_shares(measured),
        "verdicts": dict(sorted(Counter(item.verdict.verdict for item in judged).items())),
        "rules": dict(sorted(Counter(item.verdict.rule for item in judged).items())),
        "confusion": {expected: dict(sorted(counts.items())) for expected, counts in sorted(confusion.items())},
        "decided_of_unknown": sum(confusion.get("unknown", Counter())[verdict] for verdict in DECIDED),
        "proprietary_called_open": confusion.get("proprietary", Counter())["open_source"],
        "by_declaration": {
            kind: {
                "rows": len(items),
                **_shares([item for item in items if item.expected]),
                "verdicts": dict(sorted(Counter(item.verdict.verdict for item in items).items())),
            }
            for kind, items in sorted(kinds.items())
        },
        "disagreements": disagreements,
    }


def _shares(measured: list[JudgedRow]) -> dict[str, float | None]:
    decidable = [item for item in measured if item.expected in DECIDED]
    decided = [item for item in decidable if item.verdict.verdict in DECIDED]
    right = sum(item.verdict.verdict == item.expected for item in decided)
    return {
        "precision": right / len(decided) if decided else None,
        "coverage": len(decided) / len(decidable) if decidable else None,
    }
