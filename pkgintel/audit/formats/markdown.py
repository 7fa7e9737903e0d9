"""Markdown for a pull request: the sums, and a row for each version that a person should look at.

What strangers wrote stands in code spans, so that it is neither a link, nor a mention, nor markup.
"""

from collections.abc import Iterable, Iterator

from pkgintel.audit.formats.sentence import advice, path
from pkgintel.audit.report import Audited, Report
from pkgintel.text import many, plain

_MOST = 200  # Rows of a kind; a comment holds 65,536 characters.
_HEADS = {
    "breach": "Breaches", "warned": "Warnings", "excepted": "Excepted", "baseline": "There before (baseline)",
}  # fmt: skip


def write(report: Report) -> Iterator[str]:
    """The document as text."""
    sums = report.summary
    breaches = sums["breaches"]
    head = f"❌ {many(breaches, 'breach', 'breaches')}" if breaches else "✅ no breach"
    lines = [f"## License audit: {head}", ""]
    names = ("open_source", "proprietary", "unknown", "private", "not_found", "not_looked_up")
    counts = ", ".join(f"{sums[name]:,} {name}" for name in names if sums[name])
    lines += [f"{many(sums['packages'], 'package version')}: {counts or 'none'}.", ""]
    for outcome, title in _HEADS.items():
        found = report.decided(outcome)
        if found:
            lines += _section(title, found, folded=outcome in ("excepted", "baseline"))
    remarks = [f"- {one.code}: {_code(one.package)}: {_code(one.says)}" for one in report.remarks]
    noted = [note for one in report.inputs for note in one.notes]
    notes = [f"- {_code(note)}" for note in (*noted, *report.notes)]
    if remarks or notes:
        lines += ["", *remarks, *notes]
    basis = report.basis
    lines += ["", f"SPDX list {basis.spdx_list_version}, {basis.policy}, ruleset {basis.ruleset}."]
    yield "\n".join(lines) + "\n"


def _section(title: str, found: Iterable[Audited], *, folded: bool) -> list[str]:
    rows = list(found)
    table = ["| package | verdict | license | why |", "|---|---|---|---|", *map(_row, rows[:_MOST])]
    if len(rows) > _MOST:
        table += ["", f"… and {len(rows) - _MOST:,} more."]
    if folded:
        return [f"<details><summary>{title}: {len(rows):,}</summary>", "", *table, "", "</details>", ""]
    return [f"### {title}", "", *table, ""]


def _row(one: Audited) -> str:
    answer = one.answer
    says = [f"{answer.rule}"]
    way, stay = path(one), advice(one)
    if way is not None:
        says.append(f"via {_code(way)}")
    if one.decision.decided_by not in ("accept", "unknown", "not-looked-up"):
        says.append(_code(one.decision.says))
    if stay is not None:
        says.append(_code(stay))
    declared = _code(answer.license) if answer.license is not None else ""
    return f"| {_code(one.package.label)} | {answer.verdict} | {declared} | {'; '.join(says)} |"


def _code(text: str) -> str:
    """A text as a code span in a table."""
    shown = plain(text, 300).replace("`", "'").replace("|", "\\|").strip()
    return f"`{shown}`" if shown else ""
