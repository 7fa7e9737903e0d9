"""The sentences that explain a verdict to a person, and what of its findings is kept as evidence."""

import re
from dataclasses import replace

from pkgintel.licenses.evidence import Evidence, LicenseEvidence, PageEvidence
from pkgintel.licenses.meaning import Finding
from pkgintel.licenses.pages import Entry

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
    )


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
