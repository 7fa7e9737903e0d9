"""The audit as CSV: a row for each version. No cell is taken for a formula."""

import csv
import io
from collections.abc import Iterator, Sequence

from pkgintel.audit.report import Audited, Report
from pkgintel.text import cell

COLUMNS = (
    "package_id", "version", "purl", "verdict", "rule", "license", "spdx_ids", "decision", "decided_by", "direct",
    "scope", "inputs", "path", "reason", "source", "document_url", "last_open_version", "keep_range",
)  # fmt: skip


def write(report: Report) -> Iterator[str]:
    """The rows as text, one by one, the first with the names of the columns."""
    yield _line(COLUMNS)
    for one in report.packages:
        yield _line([cell(_held(value)) for value in _row(one)])


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


def _row(one: Audited) -> tuple[str | None, ...]:
    package, answer, last = one.package, one.answer, one.last_open
    direct = {True: "yes", False: "no", None: ""}[package.direct]
    path = next((origin.path for origin in package.origins if origin.path), ())
    return (
        package.package_id,
        package.version,
        package.purl,
        answer.verdict,
        answer.rule,
        answer.license,
        " ".join(answer.spdx_ids),
        one.decision.decision,
        one.decision.decided_by,
        direct,
        package.scope,
        " ".join(dict.fromkeys(origin.input for origin in package.origins)),
        " > ".join(path),
        answer.reason,
        answer.source,
        answer.document_url,
        last.version if last is not None else None,
        last.range if last is not None else None,
    )


def _held(value: str | None) -> str:
    """What UTF-8 can hold of a text."""
    return "" if value is None else value.encode("utf-8", "replace").decode()
