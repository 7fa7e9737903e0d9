"""`pkgintel why`: the answer first, then each step of the chain that led to it."""

from collections.abc import Iterable, Sequence

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pkgintel import database
from pkgintel.cli import why_text
from pkgintel.cli.screen import STYLES, console, emit
from pkgintel.database import migrations
from pkgintel.pipeline import unread
from pkgintel.reports import why
from pkgintel.reports.changes import Relicensing, licenses
from pkgintel.reports.explanation import DeclaredLicense, Explanation, LastOpen, LicenseChange, UrlEntry
from pkgintel.runtime import process
from pkgintel.text import day, many, minute, plain

_SHOWN = 12  # licenses, changes
_POLICIES = {"osi-or-fsf": "approved by the OSI or the FSF", "osi": "approved by the OSI"}


def screen(found: Explanation) -> RenderableType:
    """What `why.explain` found, for 80 columns and without need of colour."""
    verdict = found.verdict
    head = Text(plain(found.package_id), style="bold")
    if found.judged_version:
        head.append(f" {plain(found.judged_version)}")
    shown = verdict or "no verdict"
    head.append(": ").append(shown, style=STYLES.get(shown, "bold"))
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in _facts(found):
        facts.add_row(Text(name), Text(value))
    return Group(head, Text(plain(found.reason)), Text(""), facts)


def _facts(found: Explanation) -> Iterable[tuple[str, str]]:
    yield from _several("declared", _declared(found.declaration))
    if found.rule:
        yield "rule", f"{found.rule}: {found.rule_says or 'a rule of an earlier version'}"
    evidence = found.evidence or {}
    if "expression_from" in evidence:
        yield "expression", f"from {plain(evidence['expression_from'])}"
    if "tree" in evidence:
        yield "read as", plain(evidence["tree"])
    yield from _several("licenses", _licenses(found))
    yield from _several("url entry", _entry(found.url_entry))
    yield from _several("text", why_text.lines(found.license_text))
    if found.spdx_list_version:
        means = _POLICIES.get(found.policy, found.policy) if found.policy else "not said"
        yield "made from", f"SPDX list {plain(found.spdx_list_version)}, ruleset {found.ruleset}, open means {means}"
    yield from _several("judged", _judged(found))
    if found.leaf_url:
        yield "seen at", plain(found.leaf_url)
    yield "package", _package(found)
    yield from _several("last open", _last_open(found.last_open))
    if found.would_change:
        yield "would change", found.would_change
    yield from _several("history", _history(found))
    yield from _several("by version", _changes(found.license_changes))
    yield from _several("by license", _relicensed(found.license_id_changes))
    if _pairs(found.license_changes_by_date) != _pairs(found.license_changes):
        yield from _several("by date", _changes(found.license_changes_by_date))


def _several(name: str, lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        yield name, line
        name = ""


def _declared(declaration: DeclaredLicense | None) -> Iterable[str]:
    if declaration is None:
        return
    given = {name: text for name, text in declaration if text}
    yield from (f"{name.replace('_', ' ')}: {plain(text, 400)}" for name, text in given.items())
    if not given:
        yield "no license expression, no file, no URL"


def _licenses(found: Explanation) -> Iterable[str]:
    licenses = found.licenses
    for license_ in licenses[:_SHOWN]:
        says = []
        if listed := license_.on_list:
            says += ["OSI-approved"] if listed.osi_approved else []
            says += ["FSF-libre"] if listed.fsf_libre else []
            says = says or ["approved by neither the OSI nor the FSF"]
            says += ["deprecated id"] if listed.deprecated else []
            says.append(f"on list {plain(listed.list_version)}")
        elif "license-ref" in license_.matched:
            says.append("a license of the author's own")
        else:
            says.append("not on the SPDX list")
        says += [f"through {plain(license_.through)}"] if license_.through else []
        says += [plain(witness) for witness in license_.witnesses]
        if "unknown-exception" in license_.matched:
            says.append("its exception is not on the SPDX list")
        name = plain(license_.id) + ("+" if license_.or_later else "")
        name += f" WITH {plain(license_.exception)}" if license_.exception else ""
        yield f"{name} is {license_.means}: {', '.join(says)}"
    if len(licenses) > _SHOWN:
        yield f"and {len(licenses) - _SHOWN} more"


def _entry(entry: UrlEntry | None) -> Iterable[str]:
    if entry is None:
        return
    means = "proprietary terms" if entry.means == "closed" else " | ".join(entry.licenses)
    yield f"{plain(entry.page)} stands for {plain(means)}"
    yield f"source: {plain(entry.source)}" + (f", {plain(entry.date)}" if entry.date else "")
    if entry.nature:
        held = [f"from {entry.since}"] if entry.since else []
        held += [f"until {entry.until}"] if entry.until else []
        yield plain(", ".join([f"a page that is {entry.nature}", *held]))
    if entry.history:
        read = entry.history
        yield plain(f"{many(read.revisions, 'revision')} read on {read.ref}: {' to '.join(read.commits)}")
    if entry.note:
        yield plain(entry.note)


def _judged(found: Explanation) -> Iterable[str]:
    if not found.judged_version:
        return
    text, kind = f"version {plain(found.judged_version)}", ""
    if found.listed is not None:
        kind = f"{'listed' if found.listed else 'unlisted'} {'prerelease' if found.is_prerelease else 'stable'}"
        text += f", {kind}" + (", deprecated" if found.deprecated else "")
    if found.created:
        text += f", created {day(found.created)}"
    if found.deleted_at:
        text += f", deleted {day(found.deleted_at)}"
    if found.classified_at:
        text += f"; verdict of {minute(found.classified_at)} UTC"
    yield text
    if found.judged_version == found.latest_version:
        yield f"the highest {kind} version, so it speaks for the package"
    elif found.latest_version:
        yield f"version {plain(found.latest_version)} speaks for the package"
    if found.pending:
        yield "A newer event, license list or rule is stored and not judged with yet: `pkgintel run` does it."


def _package(found: Explanation) -> str:
    deleted = f" ({found.versions_deleted:,} deleted)" if found.versions_deleted else ""
    text = f"{found.state}, {many(found.versions, 'version')} stored{deleted}"
    return f"{text}, newest event {minute(found.newest_event)}, catalog {plain(found.catalog)}"


def _last_open(last: LastOpen | None) -> Iterable[str]:
    if last is None:
        return
    yield f"{plain(last.version)}, {licenses(last.ids, 'open_source')}"
    became = licenses(last.to_ids, last.to_verdict)
    yield f"different since {plain(last.different_since)} ({day(last.released_at)}): {last.to_verdict}, {became}"


def _history(found: Explanation) -> Iterable[str]:
    history = found.history
    if not history and found.verdict:
        differ = ", and its versions differ: see below" if found.license_id_changes else ""
        yield f"no change since it was first judged{differ}"
    if len(history) > _SHOWN:
        yield f"({len(history) - _SHOWN} earlier changes: --json shows all)"
    for change in history[-_SHOWN:]:
        line = f"{minute(change.changed_at)}  {change.from_verdict or 'none'} -> {change.to_verdict or 'none'}"
        if change.from_text and change.to_text and change.from_text != change.to_text:
            line += f", text {change.from_text[:16]}… -> {change.to_text[:16]}…"
        yield f"{line}, cause: {change.cause}; {plain(change.to_reason, 200)}"


def _pairs(changes: Sequence[LicenseChange]) -> list[tuple[str, str]]:
    return [(change.from_version, change.to_version) for change in changes]


def _changes(changes: Sequence[LicenseChange]) -> Iterable[str]:
    if len(changes) > _SHOWN:
        yield f"({len(changes) - _SHOWN} earlier changes: --json shows all)"
    for change in changes[-_SHOWN:]:
        yield (
            f"{plain(change.from_version)} -> {plain(change.to_version)} ({day(change.released_at)}): "
            f"{change.from_verdict} -> {change.to_verdict} ({change.from_rule} -> {change.to_rule})"
        )


def _relicensed(changes: Sequence[Relicensing]) -> Iterable[str]:
    told = [change for change in changes if change.from_ids != change.to_ids]
    if len(told) > _SHOWN:
        yield f"({len(told) - _SHOWN} earlier changes: --json shows all)"
    for change in told[-_SHOWN:]:
        before = licenses(change.from_ids, change.from_verdict)
        after = licenses(change.to_ids, change.to_verdict)
        versions = f"{plain(change.from_version)} -> {plain(change.to_version)}"
        yield f"{versions} ({day(change.released_at)}): {before} -> {after}"


@click.command("why")
@click.argument("package_id", metavar="ID")
@click.option(
    "--version",
    "version_text",
    metavar="V",
    help="Judge this version, in any spelling of it; one that is unread is read.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the screen.")
def command(package_id: str, version_text: str | None, as_json: bool) -> None:
    """Shows declaration, rule, evidence, the version judged, and past verdicts.

    Ids are matched without case. Exit codes: 0; 3 when the leaf of an unread version cannot be fetched; 4 when the
    package or version is not known.
    """
    mine = process.current()
    settings = mine.deployment
    with database.connect(settings.database_url) as conn:
        migrations.require_schema(conn)
        if version_text is not None:
            unread.read_version(mine.database, mine.client, mine.leasing, package_id.strip(), version_text)
        found = why.explain(conn, settings, package_id, version_text)
    if as_json:
        emit(found.as_json())
        return
    console().print(screen(found))
