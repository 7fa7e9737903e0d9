"""The decision tree: a license declaration in, a verdict with its rule, reason and evidence out.

Pure, total and deterministic: any three texts get a verdict in bounded time, and the same ones always get the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from pkgintel.licenses import dated, facts, pages, reasons, text_verdict, urls
from pkgintel.licenses.evidence import Evidence, OtherSignal, VerdictName
from pkgintel.licenses.expression import MalformedExpression, Meaning, Tree, leaves, parse
from pkgintel.licenses.meaning import Finding, Policy, Reader
from pkgintel.licenses.reasons import clean
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.texts.hand import TextAtHand

# Raised whenever a rule changes what some declaration would get; the tables beside it have fingerprints of their own.
RULESET = 6

RULES: dict[str, str] = {
    "expression-open": "the license expression can be met with licenses approved by the OSI or the FSF",
    "expression-closed": "the license expression cannot be met without a license that withholds open-source rights",
    "expression-undecided": "the license expression hangs on an id that nobody approved, or that is not on the list",
    "expression-malformed": "the license expression is not valid SPDX",
    "url-open": "the license URL is a page known to hold open-source terms",
    "url-closed": "the license URL is a page known to hold proprietary terms",
    "url-undecided": "the license URL is a known page whose licenses are neither clearly open nor clearly closed",
    "url-not-recognised": "the license URL is not a page whose terms are known",
    "nothing-declared": "the package declares no license at all",
    **text_verdict.RULES,
}

_VERDICTS: dict[Meaning, VerdictName] = {"open": "open_source", "closed": "proprietary", "undecided": "unknown"}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a package version declares about its license, as published. An empty text counts as absent."""

    expression: str | None = None
    file: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: `rule` is a key of RULES, `reason` one sentence, `spdx_ids` are sorted and as listed."""

    verdict: VerdictName
    rule: str
    reason: str
    evidence: Evidence = field(hash=False)
    spdx_ids: list[str] = field(hash=False)


class Judge:
    """Judges declarations against one SPDX list, the URL table built from it, and one policy."""

    def __init__(self, license_list: LicenseList, policy: Policy = "osi-or-fsf") -> None:
        self.license_list = license_list
        self.policy = policy
        self._reader = Reader(license_list, policy)
        self._table = pages.table(license_list)

    def judge(
        self, declaration: Declaration, created: datetime | None = None, hand: TextAtHand | None = None
    ) -> Verdict:
        """The verdict on a declaration of a version created then (an aware datetime). Never raises.

        Without a date only such facts about a page decide that have neither a beginning nor an end. `hand` is the text
        of the version's own file, or of the file that its URL points at, where one was read.
        """
        expression, file, url = (
            _stripped(text) for text in (declaration.expression, declaration.file, declaration.url)
        )
        address = urls.read(url)
        if expression:
            found = self._expression(expression, Evidence("expression"))
            return self._noticed(found, file, self._beside(expression, url, address, created), self._own(hand, file))
        if address.kind == "expression":
            signal = Evidence("url", url=clean(url), expression_from="the path of licenses.nuget.org")
            return self._noticed(self._expression(address.expression, signal), file, None, self._own(hand, file))
        if file or address.kind == "license-in-file":
            beside = self._url(url, address, created) if url and address.kind == "page" else None
            own = self._own(hand, file, url)
            return self._noticed(own if own is not None else _in_file(file, url), "", beside)
        if not url:
            return _NOTHING
        if hand is not None and hand.kind == "pinned":  # The very file of that commit, before what a table says of it.
            return self._text(hand, created, Evidence("url", url=clean(url), kind=address.kind), _AT_ADDRESS)
        found = self._url(url, address, created)
        if hand is None or hand.kind != "address" or found.evidence.entry is not None:
            return found
        return self._text(hand, created, found.evidence, _AT_ADDRESS)

    def eras(self, declaration: Declaration, hand: TextAtHand | None = None) -> tuple[datetime, ...]:
        """The moments (UTC, ascending) from which on the verdict on a declaration may be another one."""
        known = self._known(urls.read(_stripped(declaration.url)))
        days = {day for entry in known for day in (entry.since, entry.until) if day is not None}
        return tuple(sorted(days | (hand.eras() if hand is not None else frozenset())))

    def _own(self, hand: TextAtHand | None, file: str, url: str = "") -> Verdict | None:
        """What the version's own license file says, if it was read."""
        if hand is None or hand.kind != "embedded":
            return None
        evidence = Evidence("file", file=clean(file) if file else None, url=clean(url) if url else None)
        which = f"The license file {clean(file, 80)!r}" if file else "The license file"
        return self._text(hand, None, evidence, f"{which} inside the package")

    def _text(self, hand: TextAtHand, created: datetime | None, evidence: Evidence, where: str) -> Verdict:
        said = text_verdict.find(hand, created, where)
        evidence = replace(evidence, text=said.evidence)
        if said.tree is None:
            return Verdict("proprietary" if said.closed else "unknown", said.rule, said.reason, evidence, [])
        findings = self._findings([said.tree])
        evidence = reasons.with_ids(evidence, findings)
        would = "an approval by the OSI or the FSF, or a license expression, would decide this"
        return _decided(said.rule, self._reader.meaning(said.tree), said.reason, findings, evidence, would)

    def _known(self, address: urls.Address) -> Sequence[pages.Entry]:
        """What is known of an address: a fact about the page, else the history of the file that it names exactly."""
        return self._table.get(address.key) or dated.table().get(address.file, ())

    def _expression(self, text: str, evidence: Evidence) -> Verdict:
        said = clean(text)
        try:
            tree = parse(text)
        except MalformedExpression as error:
            reason = (
                f"{clean(text, 80)!r} is not an SPDX license expression ({clean(str(error), 300)}); "
                "a valid one would decide this."
            )
            return Verdict("unknown", "expression-malformed", reason, replace(evidence, expression=said), [])
        findings = self._findings([tree])
        evidence = reasons.with_ids(replace(evidence, expression=said, tree=clean(str(tree))), findings)
        would = "an approval by the OSI or the FSF, or reading the license's text, would decide this"
        return _decided("expression", self._reader.meaning(tree), clean(str(tree), 120), findings, evidence, would)

    def _url(self, url: str, address: urls.Address, created: datetime | None) -> Verdict:
        evidence = Evidence("url", url=clean(url), kind=address.kind)
        known = self._known(address)
        if not known:
            return Verdict("unknown", "url-not-recognised", reasons.NOT_RECOGNISED[address.kind], evidence, [])
        entry = next((entry for entry in known if entry.holds(created)), None)
        if entry is None:
            evidence = replace(evidence, entries=tuple(reasons.entry(one) for one in known))
            rule = "url-not-recognised" if known[0].history else "url-undecided"
            return Verdict("unknown", rule, reasons.at_another_time(known, created), evidence, [])
        evidence = replace(evidence, entry=reasons.entry(entry))
        licenses = reasons.stands_for(entry)
        if entry.meaning == "closed":
            reason = f"The license URL is the page of {licenses}, whose terms are proprietary (source: {entry.source})."
            return Verdict("proprietary", "url-closed", reason, evidence, [])
        if entry.meaning == "undecided":
            return Verdict("unknown", "url-undecided", reasons.not_relied_on(entry), evidence, [])
        trees = [parse(text) for text in entry.licenses]
        findings = self._findings(trees)
        evidence = reasons.with_ids(evidence, findings)
        meanings = {self._reader.meaning(tree) for tree in trees}
        meaning: Meaning = meanings.pop() if len(meanings) == 1 else "undecided"
        page = reasons.known_page(entry)
        return _decided("url", meaning, page, findings, evidence, "a license expression would decide this")

    def _beside(self, expression: str, url: str, address: urls.Address, created: datetime | None) -> Verdict | None:
        """What the URL beside an expression says by itself, unless it is the one that NuGet makes of the expression."""
        if not url or address.kind in ("license-in-file", "gallery"):
            return None
        if address.kind == "expression":
            if "".join(address.expression.split()).lower() == "".join(expression.split()).lower():
                return None
            return self._expression(address.expression, Evidence("url", url=clean(url)))
        return self._url(url, address, created)

    def _noticed(self, found: Verdict, file: str, beside: Verdict | None, own: Verdict | None = None) -> Verdict:
        """The verdict with the other signals of its declaration, and a word about those that contradict it."""
        others: list[OtherSignal] = []
        says = ""
        if own is not None and file:
            against = _contradicts(found, own)
            others.append(
                OtherSignal(
                    "file",
                    file=clean(file),
                    text=own.evidence.text,
                    says=own.verdict,
                    by=own.rule,
                    contradicts=against,
                )
            )
            if against:
                says += f"; the file {clean(file, 80)!r} beside it contradicts this ({own.verdict} by {own.rule})"
        elif file:
            others.append(OtherSignal("file", file=clean(file)))
            says += f"; the file {clean(file, 80)!r} is declared beside it and is not read"
        if beside is not None:
            contradicts = _contradicts(found, beside)
            others.append(
                OtherSignal(
                    "url", url=beside.evidence.url, says=beside.verdict, by=beside.rule, contradicts=contradicts
                )
            )
            if contradicts:
                says += f"; the license URL beside it contradicts this ({beside.verdict} by {beside.rule})"
        if not others:
            return found
        reason = found.reason.removesuffix(".") + says + "."
        return replace(found, reason=reason, evidence=replace(found.evidence, other_signals=tuple(others)))

    def _findings(self, trees: Iterable[Tree]) -> list[Finding]:
        """One finding per distinct leaf, in the order of their first appearance."""
        return [self._reader.finding(leaf) for leaf in dict.fromkeys(leaf for tree in trees for leaf in leaves(tree))]


_AT_ADDRESS = "The license file that the license URL points at"

_NOTHING = Verdict(
    "unknown",
    "nothing-declared",
    "The package declares no license; a license expression in a newer version would decide this.",
    Evidence("none"),
    [],
)


def basis(policy: Policy, list_version: str, list_content: str) -> str:
    """Everything a verdict is made from besides the declaration and its date, each input by its name.

    Two lists may carry one version and differ, so `list_content` says which one it is (a hash).
    """
    tables = ", ".join(f"{table} {facts.fingerprint(table)}" for table in facts.TABLES)
    return f"ruleset {RULESET}, {policy}, SPDX {list_version} {list_content[:16]}, {tables}"


def _contradicts(found: Verdict, other: Verdict) -> Literal[True] | None:
    """Whether two signals lead to verdicts that cannot both hold."""
    return True if "unknown" not in (found.verdict, other.verdict) and found.verdict != other.verdict else None


def _stripped(text: str | None) -> str:
    """What is declared, empty where nothing is or nothing but blanks."""
    return "" if text is None else text.strip()


def _in_file(file: str, url: str) -> Verdict:
    evidence = Evidence("file", file=clean(file) if file else None, url=clean(url) if url else None)
    which = f"the file {clean(file, 80)!r}" if file else "a file"
    reason = f"The license is {which} inside the package, which is not read yet; its text would decide this."
    return Verdict("unknown", "text-not-read-yet", reason, evidence, [])


def _decided(
    signal: str, meaning: Meaning, what: str, findings: list[Finding], evidence: Evidence, would: str
) -> Verdict:
    says = {"open": reasons.approval, "closed": reasons.restriction, "undecided": reasons.doubt}[meaning](findings)
    remarks = reasons.remarks(findings) if meaning == "open" else []
    if remarks:
        evidence = replace(evidence, remarks=tuple(remarks))
        says += f" (mind: {'; '.join(remarks)})"
    reason = f"{what}: {says}" + (f"; {would}." if meaning == "undecided" else ".")
    return Verdict(_VERDICTS[meaning], f"{signal}-{meaning}", reason, evidence, reasons.spdx_ids(findings))
