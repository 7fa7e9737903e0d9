"""What a license means: open, closed or undecided, by the SPDX list in hand, the policy in force and our tables.

Open: approved by the OSI or the FSF (or the OSI alone, by policy). A deprecated id and the id that SPDX uses instead
name one text, so an approval of either counts for both; "or later" may choose a later version that is approved.
Closed: approved by nobody, and two witnesses say that its terms withhold what open source grants (`closed.csv`).
Everything else is undecided: that a list is silent about a license says nothing against it.
"""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from pkgintel.licenses import facts, spdx
from pkgintel.licenses.evidence import LicenseEvidence
from pkgintel.licenses.expression import WHOLE_STATEMENTS, License, Meaning, Tree, evaluate, parse
from pkgintel.licenses.spdx import LicenseList

Policy: TypeAlias = Literal["osi-or-fsf", "osi"]

_REMEMBERED = 10_000  # leaves; ids are the author's to invent, so what is remembered has a bound


@dataclass(frozen=True, slots=True)
class Finding:
    """What one leaf means, and what it matched to mean it.

    `matched`: of osi, fsf, restrictive, listed, unlisted, license-ref, unknown-exception, none, noassertion.
    `through`: the other name of the same text, or the later version, that the approval belongs to.
    """

    license: License
    meaning: Meaning
    matched: tuple[str, ...]
    listed_id: str | None = None
    through: str | None = None
    closing: facts.Closing | None = None
    remark: str | None = None

    def evidence(self) -> LicenseEvidence:
        """The finding as part of a verdict's evidence."""
        return LicenseEvidence(
            id=self.listed_id or self.license.id,
            means=self.meaning,
            matched=self.matched,
            or_later=self.license.or_later or None,
            exception=self.license.exception,
            through=self.through,
            remark=self.remark,
            witnesses=self.closing.witnesses if self.closing else None,
            clause=self.closing.quote if self.closing else None,
            category=self.closing.category if self.closing else None,
        )


class Reader:
    """Reads expressions against one SPDX list and one policy; remembers what it found about each leaf."""

    def __init__(self, license_list: LicenseList, policy: Policy = "osi-or-fsf") -> None:
        self.license_list = license_list
        self.policy = policy
        self._findings: dict[License, Finding] = {}
        self._other_names = _other_names()

    def finding(self, leaf: License) -> Finding:
        """What a leaf means: its license's meaning, unless the exception behind it is not on the list."""
        found = self._findings.get(leaf)
        if found is None:
            found = self._find(leaf)
            if len(self._findings) < _REMEMBERED:
                self._findings[leaf] = found
        return found

    def meaning(self, tree: Tree) -> Meaning:
        """What the whole expression means."""
        return evaluate(tree, lambda leaf: self.finding(leaf).meaning)

    def _find(self, leaf: License) -> Finding:
        name = leaf.id.lower()
        if name.startswith(("licenseref-", "documentref-")):
            return Finding(leaf, "undecided", ("license-ref",))
        if name in WHOLE_STATEMENTS:
            return Finding(leaf, "undecided", (name,))
        # An id may itself end in "+" on the list (the deprecated GPL-2.0+).
        listed = self.license_list.license(leaf.id + "+") if leaf.or_later else None
        listed = listed or self.license_list.license(leaf.id)
        if listed is None:
            return Finding(leaf, "undecided", ("unlisted",))
        found = self._approved(leaf, listed) or self._chosen_later(leaf, listed) or self._closed_or_not(leaf, listed)
        if leaf.exception and self.license_list.exception(leaf.exception) is None:
            return replace(found, meaning="undecided", matched=(*found.matched, "unknown-exception"))
        return found

    def _approved(self, leaf: License, listed: spdx.License) -> Finding | None:
        """Open by its own approvals, by those of its text's other names, or by what replaces it."""
        own = self._approvals(listed)
        if self._is_open(own):
            return Finding(leaf, "open", own, listed.license_id, remark=_remark(listed))
        for name in self._other_names.get(listed.license_id.lower(), ()):
            other = self.license_list.license(name)
            if other and self._is_open(approvals := self._approvals(other)):
                return Finding(leaf, "open", approvals, listed.license_id, other.license_id)
        instead = parse(facts.successors().get(listed.license_id.lower(), "NONE"))
        if isinstance(instead, License) and instead.exception:
            found = self.finding(instead)
            if found.meaning == "open":
                return Finding(leaf, "open", found.matched, listed.license_id, str(instead))
        return None

    def _chosen_later(self, leaf: License, listed: spdx.License) -> Finding | None:
        base = listed.license_id.removesuffix("+").removesuffix("-or-later")
        if base == listed.license_id and not leaf.or_later:
            return None
        versions = facts.later_versions()
        for name in versions.get(base.lower()) or versions.get(f"{base}-only".lower(), ()):
            later = self.license_list.license(name)
            if later and self._is_open(approvals := self._approvals(later)):
                return Finding(leaf, "open", approvals, listed.license_id, later.license_id)
        return None

    def _closed_or_not(self, leaf: License, listed: spdx.License) -> Finding:
        matched = self._approvals(listed)
        closing = None if matched else facts.closings().get(listed.license_id.lower())
        if closing:
            return Finding(leaf, "closed", ("restrictive",), listed.license_id, closing=closing)
        return Finding(leaf, "undecided", matched or ("listed",), listed.license_id)

    def _is_open(self, approvals: tuple[str, ...]) -> bool:
        return "osi" in approvals or (self.policy == "osi-or-fsf" and "fsf" in approvals)

    @staticmethod
    def _approvals(listed: spdx.License) -> tuple[str, ...]:
        approved = (("osi", listed.is_osi_approved), ("fsf", bool(listed.is_fsf_libre)))
        return tuple(name for name, by in approved if by)


def _remark(listed: spdx.License) -> str | None:
    differ = "the OSI approved it and the FSF calls it nonfree" if listed.is_fsf_libre is False else None
    return facts.remarks().get(listed.license_id.lower(), differ)


def _other_names() -> dict[str, list[str]]:
    """Id in lower case → the ids under which SPDX lists the same text: a deprecated one and its successor."""
    names: dict[str, list[str]] = {}
    for deprecated, successor in facts.successors().items():
        if " " not in successor:
            names.setdefault(deprecated, []).append(successor)
            names.setdefault(successor.lower(), []).append(deprecated)
    return names
