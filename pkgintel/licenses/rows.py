"""A file of declarations and its rows, each with the verdict it gets."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pkgintel.errors import SettingsError, UpstreamChanged
from pkgintel.licenses.evidence import VERDICT_NAMES
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.verdict import Declaration, Judge, Verdict

REQUIRED = ("package_id", "license_expression", "license_url", "license_file")
EXPECTED = "expected_verdict"
CREATED = "created"
# What the sources of the URL table are called there, by what a file's `curated_by` calls them.
SOURCES = {
    "clearlydefined": "ClearlyDefined",
    "oss-review-toolkit": "OSS Review Toolkit",
    "nuget-license": "nuget-license",
    "scancode": "ScanCode",
}
_FIELD_LIMIT = 10_000_000  # characters in one field; Python's own limit is 128 KiB


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """One row of the file, every column kept, with its verdict."""

    row: Mapping[str, str]
    verdict: Verdict

    @property
    def expected(self) -> str:
        return self.row.get(EXPECTED, "").strip()

    @property
    def nature(self) -> str | None:
        """The nature of the page that the verdict rests on, if it rests on one."""
        entry = self.verdict.evidence.entry
        return entry.nature if entry else None

    @property
    def shares_its_source(self) -> bool:
        """Whether the label comes from where the URL table has its row from, and so cannot contradict it."""
        by = self.row.get("curated_by", "").lower()
        entry = self.verdict.evidence.entry
        if entry is None or entry.source is None:
            return False
        return any(name in by and called in entry.source for name, called in SOURCES.items())

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
            _check(row, f"{path} line {reader.line_num}", len(names))
            rows.append(row)
    except csv.Error as error:
        raise SettingsError(f"{path} is not CSV at line {reader.line_num}: {error}.") from None
    return rows


def _check(row: Mapping[str, str], where: str, fields: int) -> None:
    if None in row or None in row.values():
        raise SettingsError(f"{where} does not have the {fields} fields of its header.")
    try:
        created(row)
    except ValueError:
        raise SettingsError(f"{where} says {row[CREATED]!r} as created; it is an ISO 8601 date or empty.") from None
    if row.get(EXPECTED, "").strip() not in ("", *VERDICT_NAMES):
        raise SettingsError(
            f"{where} expects the verdict {row[EXPECTED]!r}; it is open_source, proprietary, unknown or left empty."
        )


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
    """A verdict for every row; equal declarations of one date are judged once."""
    known: dict[tuple[Declaration, datetime | None], Verdict] = {}
    judged = []
    for row in rows:
        asked = (Declaration(row["license_expression"], row["license_file"], row["license_url"]), created(row))
        if asked not in known:
            known[asked] = judge.judge(*asked)
        judged.append(JudgedRow(row, known[asked]))
    return judged


def created(row: Mapping[str, str]) -> datetime | None:
    """When the version of a row was created: its ISO 8601 date, UTC where it names no time zone. Raises: ValueError."""
    text = row.get(CREATED, "").strip()
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def kind_of(row: Mapping[str, str]) -> str:
    """Which parts a row declares: "expression+url", "file+url", "url", "nothing", …"""
    parts = [part for part in ("expression", "file", "url") if row[f"license_{part}"].strip()]
    return "+".join(parts) or "nothing"
