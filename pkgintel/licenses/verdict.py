"""The decision tree: a license declaration in, a verdict with its rule, reason and evidence out (DESIGN §5).

Pure, total and deterministic: any three texts get a verdict in bounded time, and the same ones always get the same.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from pkgintel.licenses import urls
from pkgintel.licenses.expression import Finding, MalformedExpression, Meaning, Policy, Reader, Tree, leaves, parse
from pkgintel.licenses.spdx import LicenseList

VerdictName: TypeAlias = Literal["open_source", "proprietary", "unknown"]
VERDICT_NAMES: tuple[VerdictName, ...] = get_args(VerdictName)

# Raised whenever a rule or a row of urls.csv changes what some declaration would get.
RULESET = 2

RULES: dict[str, str] = {
    "expression-open": "the license expression can be met with licenses approved by the OSI or the FSF",
    "expression-closed": "the license expression cannot be met without a license that withholds open-source rights",
    "expression-undecided": "the license expression hangs on an id that nobody approved, or that is not on the list",
    "expression-malformed": "the license expression is not valid SPDX",
    "license-file-not-read": "the license is a file inside the package, and its text has not been read",
    "url-open": "the license URL is a page known to hold open-source terms",
    "url-closed": "the license URL is a page known to hold proprietary terms",
    "url-undecided": "the license URL is a known page whose licenses are neither clearly open nor clearly closed",
    "url-not-recognised": "the license URL is not a page whose terms are known",
    "nothing-declared": "the package declares no license at all",
}

_VERDICTS: dict[Meaning, VerdictName] = {"open": "open_source", "closed": "proprietary", "undecided": "unknown"}
_SHOWN_IDS = 40
_SHOWN_TEXT = 400
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # Postgres refuses NUL and lone surrogates in text and JSONB.

_NOT_RECOGNISED: dict[urls.Kind, str] = {
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


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a package version declares about its license, as published. An empty text counts as absent."""

    expression: str | None = None
    file: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: `rule` is a key of RULES, `reason` one sentence, `evidence` JSON, `spdx_ids` sorted ids as listed."""

    verdict: VerdictName
    rule: str
    reason: str
    evidence: dict[str, Any] = field(hash=False)
    spdx_ids: list[str] = field(hash=False)


class Judge:
    """Judges declarations against one SPDX list, the URL table built from it, and one policy."""

    def __init__(self, license_list: LicenseList, policy: Policy = "osi-or-fsf") -> None:
        self.license_list = license_list
        self.policy = policy
        self._reader = Reader(license_list, policy)
        self._table = urls.table(license_list)

    def judge(self, declaration: Declaration) -> Verdict:
        """The verdict on a declaration. Never raises."""
        expression, file, url = (
            (text or "").strip() for text in (declaration.expression, declaration.file, declaration.url)
        )
        if expression:
            return self._expression(expression, {"signal": "expression"})
        address = urls.read(url)
        if address.kind == "expression":
            return self._expression(
                address.expression,
                {"signal": "url", "url": clean(url), "expression_from": "the path of licenses.nuget.org"},
            )
        if file or address.kind == "license-in-file":
            evidence: dict[str, Any] = {"signal": "file"}
            if file:
                evidence["file"] = clean(file)
            if url:
                evidence["url"] = clean(url)
            which = f"the file {clean(file, 80)!r}" if file else "a file"
            return Verdict(
                "unknown",
                "license-file-not-read",
                f"The license is {which} inside the package, which is not read yet; its text would decide this.",
                evidence,
                [],
            )
        if url:
            return self._url(url, address)
        return Verdict(
            "unknown",
            "nothing-declared",
            "The package declares no license; a license expression in a newer version would decide this.",
            {"signal": "none"},
            [],
        )

    def _expression(self, text: str, evidence: dict[str, Any]) -> Verdict:
        evidence["expression"] = clean(text)
        try:
            tree = parse(text)
        except MalformedExpression as error:
            return Verdict(
                "unknown",
                "expression-malformed",
                f"{clean(text, 80)!r} is not an SPDX license expression ({clean(str(error), 300)}); "
                "a valid one would decide this.",
                evidence,
                [],
            )
        meaning, findings = self._reader.meaning(tree), self._findings([tree])
        evidence |= {"tree": clean(str(tree)), **_ids(findings)}
        shown = clean(str(tree), 120)
        reason = {
            "open": f"{shown}: {_approval(findings)}.",
            "closed": f"{shown}: {_restriction(findings)}.",
            "undecided": f"{shown}: {_doubt(findings)}; an approval by the OSI or the FSF, or reading the license's "
            "text, would decide this.",
        }[meaning]
        rule = {"open": "expression-open", "closed": "expression-closed", "undecided": "expression-undecided"}[meaning]
        return Verdict(_VERDICTS[meaning], rule, reason, evidence, _spdx_ids(findings))

    def _url(self, url: str, address: urls.Address) -> Verdict:
        evidence: dict[str, Any] = {"signal": "url", "url": clean(url), "kind": address.kind}
        entry = self._table.get(address.key) if address.key else None
        if entry is None:
            return Verdict("unknown", "url-not-recognised", _NOT_RECOGNISED[address.kind], evidence, [])
        evidence["entry"] = {
            name: value
            for name, value in {
                "page": entry.key,
                "licenses": list(entry.licenses[:_SHOWN_IDS]),
                "means": entry.meaning,
                "source": entry.source,
                "date": entry.date,
                "note": entry.note,
            }.items()
            if value
        }
        stands_for = " or ".join(entry.licenses[:4]) + (" or others" if len(entry.licenses) > 4 else "")
        if entry.meaning == "closed":
            reason = (
                f"The license URL is the page of {stands_for}, whose terms are proprietary (source: {entry.source})."
            )
            return Verdict("proprietary", "url-closed", reason, evidence, [])
        if entry.meaning == "undecided":
            reason = (
                f"The license URL is a known page whose witnesses contradict each other: {stands_for} "
                f"(source: {entry.source}); a license expression would decide this."
            )
            return Verdict("unknown", "url-undecided", reason, evidence, [])
        trees = [parse(text) for text in entry.licenses]
        findings = self._findings(trees)
        evidence |= _ids(findings)
        meanings = {self._reader.meaning(tree) for tree in trees}
        meaning: Meaning = meanings.pop() if len(meanings) == 1 else "undecided"
        known = f"The license URL is a known page of {stands_for} (source: {entry.source})"
        reason = {
            "open": f"{known}: {_approval(findings)}.",
            "closed": f"{known}: {_restriction(findings)}.",
            "undecided": f"{known}: {_doubt(findings)}; a license expression would decide this.",
        }[meaning]
        rule = {"open": "url-open", "closed": "url-closed", "undecided": "url-undecided"}[meaning]
        return Verdict(_VERDICTS[meaning], rule, reason, evidence, _spdx_ids(findings))

    def _findings(self, trees: Iterable[Tree]) -> list[Finding]:
        """One finding per distinct leaf, in the order of their first appearance."""
        return [self._reader.finding(leaf) for leaf in dict.fromkeys(leaf for tree in trees for leaf in leaves(tree))]


def clean(text: str, limit: int = _SHOWN_TEXT) -> str:
    """The text with what Postgres cannot store replaced, cut to `limit` characters."""
    text = _UNSTORABLE.sub("\ufffd", text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _ids(findings: list[Finding]) -> dict[str, Any]:
    shown: dict[str, Any] = {"ids": [_evidence(finding) for finding in findings[:_SHOWN_IDS]]}
    if len(findings) > _SHOWN_IDS:
        shown["ids_not_shown"] = len(findings) - _SHOWN_IDS
    return shown


def _evidence(finding: Finding) -> dict[str, Any]:
    return {name: clean(value, 120) if isinstance(value, str) else value for name, value in finding.evidence().items()}


def _spdx_ids(findings: list[Finding]) -> list[str]:
    return sorted({finding.listed_id for finding in findings if finding.listed_id})


def _approval(findings: list[Finding]) -> str:
    approved = [finding for finding in findings if finding.meaning == "open"]
    by = {name for finding in approved for name in finding.matched}
    who = " and ".join(name.upper() for name in ("osi", "fsf") if name in by)
    return f"{_names(approved)} {_is(approved)} approved by the {who}"


def _restriction(findings: list[Finding]) -> str:
    closed = [finding for finding in findings if finding.meaning == "closed"]
    categories = " and ".join(sorted({finding.category.lower() for finding in closed if finding.category}))
    return f"{_names(closed)} {_is(closed)} approved by nobody, and ScanCode's LicenseDB calls the terms {categories}"


def _doubt(findings: list[Finding]) -> str:
    doubtful = [finding for finding in findings if finding.meaning == "undecided"]
    if not doubtful:
        return "its licenses are partly open and partly closed"
    first = doubtful[0]
    name = clean(str(first.license), 80)
    if "license-ref" in first.matched:
        return f"{name} names a license of the author's own, whose text is not known here"
    if "unlisted" in first.matched:
        return f"{name} is not on the SPDX list"
    if "unknown-exception" in first.matched:
        return f"the exception {clean(first.license.exception or '', 80)} is not on the SPDX list"
    if "fsf" in first.matched:
        return f"{name} is approved by the FSF, but the policy in force counts the OSI only"
    return f"{name} is on the SPDX list, but approved by neither the OSI nor the FSF"


def _names(findings: list[Finding]) -> str:
    names = list(dict.fromkeys(clean(finding.listed_id or finding.license.id, 60) for finding in findings))
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _is(findings: list[Finding]) -> str:
    return "is" if len({finding.listed_id for finding in findings}) == 1 else "are"
