"""The report as one HTML page that needs nothing else: to be looked at, mailed, printed.

What strangers wrote is text and nothing but text: the page runs one script, known by its hash, and loads nothing.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib import resources

from pkgintel.audit.formats.sentence import advice, path
from pkgintel.audit.manifests.requirement import Manifest
from pkgintel.audit.report import Audited, Report
from pkgintel.nuget.instant import iso
from pkgintel.text import many, plain

_MOST = 20_000  # Rows of a table, which is all that a browser likes.
_VERDICTS = ("open_source", "proprietary", "unknown", "private", "not_found", "not_looked_up")
_SECTIONS = {
    "breach": "Breaches", "warned": "Warnings", "excepted": "Excepted", "baseline": "There before (baseline)",
}  # fmt: skip
_SCRIPT = """
const field = document.getElementById('filter'), rows = document.querySelectorAll('#all tr');
field.addEventListener('input', () => {
  const words = field.value.toLowerCase().split(/\\s+/);
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
});
"""


def write(report: Report) -> Iterator[str]:
    """The page as text in parts."""
    sums = report.summary
    breaches = sums["breaches"]
    headline = many(breaches, "breach", "breaches") if breaches else "no breach"
    mood = "bad" if breaches else "doubt" if report.exit_code == 3 else "good"
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    counts = [(name, sums[name]) for name in _VERDICTS if sums[name]]
    parts: dict[str, Iterable[str]] = {
        "digest": digest,
        "headline": headline,
        "mood": mood,
        "about": _about(report),
        "shares": ", ".join(f"{number:,} {name}" for name, number in counts),
        "bar": "".join(f'<span class="v-{name}" style="flex:{number}"></span>' for name, number in counts),
        "legend": "".join(
            f'<li><i class="v-{name}"></i>{number:,} {name} ({number / max(1, len(report.packages)):.0%})</li>'
            for name, number in counts
        ),
        "sections": (line for name, title in _SECTIONS.items() for line in _section(title, report.decided(name))),
        "inputs": "".join(map(_input, report.inputs)),
        "notes": _notes(report),
        "all": map(_row, report.packages[:_MOST]),
        "basis": _basis(report),
        "script": _SCRIPT,
    }
    page = resources.files("pkgintel.audit.formats").joinpath("page.html").read_text(encoding="utf-8")
    # Cut at the marks first, so that no text that is put in can bring marks of its own.
    pieces = page.split("{{")
    yield pieces[0]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        part = parts[name]
        yield from (part,) if isinstance(part, str) else part
        yield rest


def _about(report: Report) -> str:
    files = many(len(report.inputs), "manifest")
    versions = many(len(report.packages), "package version")
    direct = sum(one.package.direct is True for one in report.packages)
    build = sum(one.package.scope == "development" for one in report.packages)
    more = [f"{direct:,} direct" if direct else "", f"{build:,} to build only" if build else ""]
    asked = f"{many(report.asked, 'name')} asked of {plain(report.basis.source, 200)}" if report.asked else ""
    return _text(" · ".join(one for one in (f"{versions} in {files}", *more, asked) if one))


def _section(title: str, found: Sequence[Audited]) -> Iterator[str]:
    if not found:
        return
    names = "".join(f'<th class="c-{name}">{name}</th>' for name in ("package", "verdict", "license"))
    head = f"<thead><tr>{names}<th>why, and what would help</th></tr></thead>"
    yield f"<h2>{title} <small class=soft>{len(found):,}</small></h2><table>{head}<tbody>"
    yield from map(_detail, found[:_MOST])
    yield "</tbody></table>"


def _detail(one: Audited) -> str:
    lines = [f"{_text(one.answer.reason)} <small class=soft>{_text(one.answer.rule)}</small>"]
    way, stay = path(one), advice(one)
    if way is not None:
        lines.append(f"<small>brought by {_text(way)}</small>")
    if one.decision.decided_by not in ("accept", "unknown", "not-looked-up"):
        lines.append(f"<small>policy: {_text(one.decision.says)}</small>")
    says = "".join(f"<p>{line}</p>" for line in lines)
    if stay is not None:
        says += f"<p class=stay>{_text(stay)}</p>"
    where = "".join(f"<br><small class=soft>{_text(name)}</small>" for name in _inputs(one))
    return f"<tr><td><b>{_text(one.package.label)}</b>{where}</td>{_verdict(one)}{_license(one)}<td>{says}</td></tr>"


def _row(one: Audited) -> str:
    decision = one.decision.decision
    return (
        f"<tr><td>{_text(one.package.label)}</td>{_verdict(one)}{_license(one)}<td class=decision>{decision}</td>"
        f"<td>{_text(one.answer.reason)}</td></tr>"
    )


def _verdict(one: Audited) -> str:
    return f'<td class="verdict t-{one.answer.verdict}">{one.answer.verdict}</td>'


def _license(one: Audited) -> str:
    return f"<td class=license>{_text(one.answer.license) if one.answer.license is not None else ''}</td>"


def _inputs(one: Audited) -> Iterable[str]:
    known = dict.fromkeys(origin.input for origin in one.package.origins)
    return list(known)[:3]


def _input(manifest: Manifest) -> str:
    notes = "".join(f"<p><small>{_text(note)}</small></p>" for note in manifest.notes)
    closure = "" if manifest.closure == "full" else " (direct only)"
    return (
        f"<tr><td>{_text(manifest.path)}</td><td class=format>{manifest.format}</td>"
        f"<td class=packages>{manifest.packages:,}{closure}</td>"
        f"<td>{notes}</td></tr>"
    )


def _notes(report: Report) -> str:
    remarks = [f"{one.code}: {one.package}: {one.says}" for one in report.remarks]
    lines = [*remarks, *report.notes]
    return "<ul>" + "".join(f"<li>{_text(line)}</li>" for line in lines) + "</ul>" if lines else ""


def _basis(report: Report) -> str:
    basis = report.basis
    parts = [
        f"pkgintel, ruleset {basis.ruleset}",
        f"SPDX list {basis.spdx_list_version}",
        f"approved by {basis.policy}",
        f"policy {basis.policy_file}" if basis.policy_file is not None else "no policy file",
        f"catalog {basis.catalog} up to {iso(basis.watermark)}" if basis.catalog is not None else "no database",
        f"made {iso(report.generated_at)}",
    ]
    return _text(" · ".join(parts))


def _text(text: str) -> str:
    return escape(plain(text, 1_000))
