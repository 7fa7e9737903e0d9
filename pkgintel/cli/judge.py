"""`pkgintel judge FILE.csv`: verdicts on a file of declarations, measured where the file says what was expected.

Needs no database with --spdx; without it the stored SPDX list judges.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import click
from pydantic import JsonValue

from pkgintel.cli.screen import emit, say
from pkgintel.database import migrations
from pkgintel.errors import SettingsError
from pkgintel.licenses import measure, rows
from pkgintel.licenses.evidence import VERDICT_NAMES
from pkgintel.licenses.meaning import Policy
from pkgintel.licenses.measure import Measures
from pkgintel.licenses.rows import JudgedRow
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.verdict import Judge
from pkgintel.text import cell, many


def stored_list() -> LicenseList | None:
    """The SPDX list that is stored, if one is. Raises: ServiceUnavailable."""
    from pkgintel import database  # Slow to import, and not needed with --spdx.
    from pkgintel.pipeline import sync
    from pkgintel.runtime import process

    with database.connect(process.current().deployment.database_url) as conn:
        migrations.require_schema(conn)
        return sync.stored(conn)


def _lines(measures: Measures) -> Iterable[str]:
    """The summary for a person."""
    counts = ", ".join(f"{verdict} {n:,}" for verdict, n in measures.verdicts.items())
    yield f"{many(measures.rows, 'row')}: {counts or 'none'}."
    if not measures.confusion:
        return
    yield f"precision of the decided {_percent(measures.precision)}, coverage {_percent(measures.coverage)}"
    yield f"{'expected':<12} {'open_source':>12} {'proprietary':>12} {'unknown':>12}"
    for expected, row in measures.confusion.items():
        yield f"{expected:<12} " + " ".join(f"{row.get(name, 0):>12,}" for name in VERDICT_NAMES)
    for kind, part in measures.by_declaration.items():
        shares = f"precision {_percent(part.precision)}, coverage {_percent(part.coverage)}"
        yield f"declares {kind}: {many(part.rows, 'row')}, {shares}"
    for nature, part in measures.by_nature.items():
        yield f"rests on a page that is {nature}: {many(part.rows, 'row')}, precision {_percent(part.precision)}"
    apart = measures.independent
    yield (
        f"labels independent of the URL table: {many(apart.rows, 'row')}, precision {_percent(apart.precision)}, "
        f"{apart.proprietary_called_open} proprietary called open"
    )
    for item in measures.disagreements:
        who = f"{item.package_id} {item.version}".strip()
        yield f"disagrees: {who}: expected {item.expected}, {item.verdict} by {item.rule}"


def _percent(share: float | None) -> str:
    return "n/a" if share is None else f"{share:.2%}"


def _as_json(item: JudgedRow) -> dict[str, JsonValue]:
    return {**item.columns(), "evidence": item.verdict.evidence.as_json(), "spdx_ids": [*item.verdict.spdx_ids]}


def _csv(judged: list[JudgedRow]) -> str:
    """The rows with their verdicts; a cell that a spreadsheet would take for a formula is made a text."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, fieldnames=list(judged[0].columns()), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: cell(value) for name, value in item.columns().items()} for item in judged)
    return out.getvalue()


@click.command("judge")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--spdx", type=click.Path(path_type=Path), help="An SPDX licenses.json; without it, the stored list.")
@click.option("--exceptions", type=click.Path(path_type=Path), help="The exceptions.json that belongs to --spdx.")
@click.option("--json", "as_json", is_flag=True, help="Print the measures as one JSON object.")
@click.option("--rows", "with_rows", is_flag=True, help="With --json: every row with its verdict, as rows_judged.")
@click.option("--policy", type=click.Choice(["osi-or-fsf", "osi"]), default="osi-or-fsf", show_default=True)
def command(
    file: Path,
    spdx: Path | None,
    exceptions: Path | None,
    as_json: bool,
    with_rows: bool,
    policy: Policy,
) -> None:
    """FILE is a CSV with the columns package_id, license_expression, license_url and license_file.

    With a column created (an ISO 8601 date) facts decide, too, that held for some time only.
    """
    read = rows.read_rows(file)
    if spdx is None and exceptions is not None:
        raise SettingsError("--exceptions belongs to --spdx, which is missing.")
    license_list = rows.read_license_list(spdx, exceptions) if spdx is not None else stored_list()
    if license_list is None:
        raise SettingsError("No SPDX list is stored yet: give one with --spdx FILE, or run `pkgintel run` first.")
    judged = rows.judge_rows(read, Judge(license_list, policy))
    measures = measure.summarise(judged)
    if as_json:
        basis = {"spdx_list_version": license_list.version, "policy": policy}
        rows_judged: dict[str, JsonValue] = {"rows_judged": list(map(_as_json, judged))} if with_rows else {}
        emit({**basis, **measures.model_dump(mode="json"), **rows_judged})
        return
    if judged:
        click.echo(_csv(judged).encode("utf-8", "surrogatepass"), nl=False)
    for line in _lines(measures):
        say(line, err=True)
