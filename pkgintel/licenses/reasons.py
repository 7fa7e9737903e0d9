"""The sentences that explain a verdict to a person, and what of its findings is kept as evidence."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from pkgintel.licenses import urls
from pkgintel.licenses.evidence import Evidence, HistoryEvidence, LicenseEvidence, PageEvidence
from pkgintel.licenses.meaning import Finding
from pkgintel.licenses.pages import Entry, History

NOT_RECOGNISED: dict[urls.Kind, str] = {
    "page": "The license URL is not a page whose terms are known; a fact about it in the URL table would decide this.",
    "expression": "The license URL is not a page whose terms are known.",
    "license-in-file": "The license URL is a placeholder for a file inside the package.",
    "gallery": "The license URL is the package's own page on nuget.org, which states no license by itself; "
    "the license expression or file inside the package would decide this.",
    "project": "The license URL is a project's front page, which its owner can change; "
    "reading the license file of the released commit would decide this.",
    "project-file": "The license URL is a file on a branch or tag of a project, which its owner can change; "
    "reading the file at the released commit would decide this.",
    "pinned-file": "The license URL is a file fixed at a commit, and its text has not been read; "
    "reading it once would decide this.",
    "placeholder": "The license URL is a template's placeholder that nobody filled in; "
    "only the package's author can say which license is meant.",
    "not-a-url": "The license URL is not a web address; only the package's author can say which license is meant.",
}

_SHOWN_IDS = 40
_SHOWN_TEXT = 400
_COMMERCIAL = re.compile("commercial|proprietary|enterprise|eula|paid", re.IGNORECASE)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # Postgres refuses NUL and lone surrogates in text and JSONB.


def clean(text: str, limit: int = _SHOWN_TEXT) -> str:
    """The text with what Postgres cannot store replaced, cut to `limit` characters."""
    text = _UNSTORABLE.sub("\ufffd", text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def with_ids(evidence: Evidence, findings: list[Finding]) -> Evidence:
    """The evidence with the findings, the first of them where there are many."""
    shown = tuple(_evidence(finding) for finding in findings[:_SHOWN_IDS])
    return replace(evidence, ids=shown, ids_not_shown=max(0, len(findings) - _SHOWN_IDS) or None)


def spdx_ids(findings: list[Finding]) -> list[str]:
    """The listed ids of the findings, sorted."""
    return sorted({finding.listed_id for finding in findings if finding.listed_id})


def entry(known: Entry) -> PageEvidence:
    """A row of the URL table as evidence."""
    return PageEvidence(
        page=known.key,
        licenses=known.licenses[:_SHOWN_IDS] or None,
        means=known.meaning,
        nature=known.nature,
        since=known.since.date().isoformat() if known.since else None,
        until=known.until.date().isoformat() if known.until else None,
        source=known.source or None,
        date=known.date or None,
        note=known.note or None,
        history=_history(known.history) if known.history else None,
    )


def _history(known: History) -> HistoryEvidence:
    ends = dict.fromkeys((known.commits[0], known.commits[-1]))
    return HistoryEvidence(
        known.repository, known.file, known.ref, len(known.commits), tuple(ends), known.ended or None
    )


def known_page(known: Entry) -> str:
    """The page or the file that a verdict rests on, with what it stands for and by which source."""
    licenses = stands_for(known)
    if known.history is None:
        return f"The license URL is a known page of {licenses} (source: {known.source})"
    if known.since is None and known.until is None:
        return f"The license URL is {_place(known.history)}, where its text was read as {licenses}"
    commits = known.history.commits
    return (
        f"The license URL is {_place(known.history)}, which held {licenses} {_time(known)} "
        f"(revisions read: {len(commits)}, commits {commits[0][:10]} to {commits[-1][:10]})"
    )


def at_another_time(known: Sequence[Entry], created: datetime | None) -> str:
    """Why what is known of a page or a file for some time does not decide a version that was created at another."""
    history = known[0].history
    if history is None:
        what = "a page that is known for some time only"
        would = "a license expression would decide this"
    else:
        what = f"{_place(history)}, which granted open terms {', and '.join(_held(known)[-3:])}"
        would = "reading the file at the released commit would decide this"
    if created is None:
        return f"The license URL is {what}, and the version says no date of its creation; {would}."
    when = created.date().isoformat()
    return f"The license URL is {what}, and not for {when}, when the version was created; {would}."


def not_relied_on(known: Entry) -> str:
    """Why a page of the table decides nothing."""
    if known.nature == "redirector":
        then = " when the version was created" if known.since or known.until else ""
        why = f"a link whose owner decides where it leads, and no dated, independent reading says where it led{then}"
    else:
        why = "a page whose witnesses contradict each other"
    return (
        f"The license URL is {why} (known: {stands_for(known)}; source: {known.source}); "
        "a license expression would decide this."
    )


_ENDED = {
    "history": "as far as its history was read",
    "changed": "when its terms changed",
    "gone": "when it was taken away",
}


def _place(history: History) -> str:
    where = f"commit {history.ref[:10]}" if history.ref in history.commits else history.ref
    return f"the file {history.file} of {history.repository} on {where}".replace(" on commit", " at commit")


def _held(known: Sequence[Entry]) -> list[str]:
    """The times in which a file granted open terms; those that follow each other without a gap are one."""
    times: list[Entry] = []
    for entry in known:
        if times and times[-1].until == entry.since:
            entry = replace(entry, since=times.pop().since)
        times.append(entry)
    return [f"{_time(entry)}, {_ENDED[entry.history.ended]}" for entry in times if entry.history]


def _time(known: Entry) -> str:
    moments = (("from", known.since), ("until", known.until))
    return " ".join(f"{word} {moment.date().isoformat()}" for word, moment in moments if moment)


def stands_for(known: Entry) -> str:
    """The licenses of a page: "MIT or ISC or others"."""
    return " or ".join(known.licenses[:4]) + (" or others" if len(known.licenses) > 4 else "")


def approval(findings: list[Finding]) -> str:
    """Who approved the open ones among the findings."""
    approved = [finding for finding in findings if finding.meaning == "open"]
    by = {name for finding in approved for name in finding.matched}
    who = " and ".join(name.upper() for name in ("osi", "fsf") if name in by)
    says = f"{_names(approved)} {_is(approved)} approved by the {who}"
    through = [f"{finding.listed_id} through {finding.through}" for finding in approved if finding.through]
    return f"{says} ({', '.join(through[:4])})" if through else says


def remarks(findings: list[Finding]) -> list[str]:
    """What is to be known of an open declaration: how its approvers differ, and a commercial license beside it."""
    known = [f"{finding.listed_id}: {finding.remark}" for finding in findings if finding.remark]
    refs = [finding.license.id for finding in findings if "license-ref" in finding.matched]
    sold = [clean(name, 60) for name in refs if _COMMERCIAL.search(name)]
    return [*known, *(f"{name}: a commercial license is offered beside it" for name in sold)][:8]


def restriction(findings: list[Finding]) -> str:
    """Why the closed ones among the findings are closed: the clause of the first, and its witnesses."""
    closed = [finding for finding in findings if finding.meaning == "closed"]
    says = f"{_names(closed)} {_is(closed)} approved by nobody, and the terms withhold what open source grants"
    first = next((finding.closing for finding in closed if finding.closing), None)
    return f"{says}: {clean(first.quote, 160)!r} ({'; '.join(first.witnesses)})" if first else says


def doubt(findings: list[Finding]) -> str:
    """Why the first undecided one among the findings is undecided."""
    doubtful = [finding for finding in findings if finding.meaning == "undecided"]
    if not doubtful:
        return "its licenses are partly open and partly closed"
    first = doubtful[0]
    named = {"name": clean(str(first.license), 80)}
    if first.license.exception is not None:
        named["exception"] = clean(first.license.exception, 80)
    for matched, says in _DOUBTS.items():
        if matched in first.matched:
            return says.format(**named)
    return f"{named['name']} is on the SPDX list, but approved by neither the OSI nor the FSF"


_DOUBTS = {
    "license-ref": "{name} names a license of the author's own, whose text is not known here",
    "none": "{name} says that the author found no license",
    "noassertion": "{name} says that the author states nothing about the license",
    "unlisted": "{name} is not on the SPDX list",
    "unknown-exception": "the exception {exception} is not on the SPDX list",
    "fsf": "{name} is approved by the FSF, but the policy in force counts the OSI only",
}


@lru_cache(maxsize=1024)  # A few hundred findings make nearly all verdicts.
def _evidence(finding: Finding) -> LicenseEvidence:
    found = finding.evidence()
    return replace(
        found,
        id=clean(found.id, 200),
        exception=_shortened(found.exception),
        through=_shortened(found.through),
        remark=_shortened(found.remark),
        clause=_shortened(found.clause),
        category=_shortened(found.category),
    )


def _shortened(text: str | None) -> str | None:
    return None if text is None else clean(text, 200)


def _names(findings: list[Finding]) -> str:
    names = list(dict.fromkeys(clean(finding.listed_id or finding.license.id, 60) for finding in findings))
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _is(findings: list[Finding]) -> str:
    return "is" if len({finding.listed_id for finding in findings}) == 1 else "are"
