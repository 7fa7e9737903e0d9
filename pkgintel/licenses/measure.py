"""`pkgintel judge FILE.csv`: verdicts on a file of declarations, measured where the file says what was expected.

Needs no database with --spdx; without it the caller hands over the stored SPDX list.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from pkgintel.errors import SettingsError, UpstreamChanged
from pkgintel.licenses.expression import Policy
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.verdict import Declaration, Judge, Verdict
from pkgintel.text import many

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


def summary_lines(summary: Mapping[str, Any]) -> Iterable[str]:
    """The summary for a person."""
    counts = ", ".join(f"{verdict} {n:,}" for verdict, n in summary["verdicts"].items())
    yield f"{many(summary['rows'], 'row')}: {counts or 'none'}."
    if not summary["confusion"]:
        return
    yield f"precision of the decided {_percent(summary['precision'])}, coverage {_percent(summary['coverage'])}"
    yield f"{'expected':<12} {'open_source':>12} {'proprietary':>12} {'unknown':>12}"
    for expected, row in summary["confusion"].items():
        yield f"{expected:<12} " + " ".join(f"{row.get(name, 0):>12,}" for name in (*DECIDED, "unknown"))
    for kind, part in summary["by_declaration"].items():
        shares = f"precision {_percent(part['precision'])}, coverage {_percent(part['coverage'])}"
        yield f"declares {kind}: {many(part['rows'], 'row')}, {shares}"
    for item in summary["disagreements"]:
        who = f"{item['package_id']} {item['version']}".strip()
        yield f"disagrees: {who}: expected {item['expected']}, {item['verdict']} by {item['rule']}"


def _percent(share: float | None) -> str:
    return "n/a" if share is None else f"{share:.2%}"


@click.command("judge")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--spdx", type=click.Path(path_type=Path), help="An SPDX licenses.json; without it, the stored list.")
@click.option("--exceptions", type=click.Path(path_type=Path), help="The exceptions.json that belongs to --spdx.")
@click.option("--json", "as_json", is_flag=True, help="Print the measures as one JSON object.")
@click.option("--rows", "with_rows", is_flag=True, help="With --json: every row with its verdict, as rows_judged.")
@click.option("--policy", type=click.Choice(["osi-or-fsf", "osi"]), default="osi-or-fsf", show_default=True)
@click.pass_context
def judge(
    context: click.Context,
    file: Path,
    spdx: Path | None,
    exceptions: Path | None,
    as_json: bool,
    with_rows: bool,
    policy: Policy,
) -> None:
    """Judge the declarations in FILE, a CSV with package_id, license_expression, license_url and license_file."""
    rows = read_rows(file)
    if spdx is None and exceptions is not None:
        raise SettingsError("--exceptions belongs to --spdx, which is missing.")
    load: Callable[[], LicenseList] | None = (context.obj or {}).get("license_list")
    if spdx is not None:
        license_list = read_license_list(spdx, exceptions)
    elif load is not None:
        license_list = load()
    else:
        raise SettingsError("There is no stored SPDX list here; name one with --spdx FILE.")
    judged = judge_rows(rows, Judge(license_list, policy))
    summary = {"spdx_list_version": license_list.version, "policy": policy, **summarise(judged)}
    if as_json:
        if with_rows:
            summary["rows_judged"] = [
                {**item.columns(), "evidence": item.verdict.evidence, "spdx_ids": item.verdict.spdx_ids}
                for item in judged
            ]
        click.echo(json.dumps(summary, indent=2))
        return
    if judged:
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, fieldnames=list(judged[0].columns()), lineterminator="\n")
        writer.writeheader()
        writer.writerows(item.columns() for item in judged)
        click.echo(out.getvalue().encode("utf-8", "surrogatepass"), nl=False)
    for line in summary_lines(summary):
        click.echo(line, err=True)
