"""What a policy makes of a verdict: whether a version passes, is excepted, or breaks the build."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, TypeAlias, get_args

from pkgintel.audit.answer import Answer
from pkgintel.audit.baseline import Baseline
from pkgintel.audit.package import Package
from pkgintel.audit.policy import SOON, Policy, PolicyException
from pkgintel.audit.store import Key
from pkgintel.audit.terms import Terms
from pkgintel.text import many, plain

Outcome: TypeAlias = Literal["pass", "breach", "excepted", "warned", "baseline"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a version: `decided_by` names the part of the policy, `says` is a sentence without its end."""

    decision: Outcome
    decided_by: str
    says: str
    exception: PolicyException | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about the policy itself; a breach where it fails the build."""

    code: str
    package: str
    says: str
    is_breach: bool = False


class Decider:
    """Decides by one policy, one baseline, and the day it is."""

    def __init__(self, policy: Policy, baseline: Baseline, today: date) -> None:
        self._policy = policy
        self._baseline = baseline
        self._today = today
        self._terms = Terms(policy.allow, policy.deny)

    def decide(self, package: Package, answer: Answer) -> Decision:
        """The decision on one version."""
        plainly = self._plainly(package, answer)
        if plainly.decision == "pass" or plainly.decided_by == "not-looked-up":
            return plainly
        decided = self._excepted(package, answer, plainly)
        if decided.decision == "breach" and self._baseline.knows(package.package_id, answer.declares):
            return replace(decided, decision="baseline", decided_by="baseline", says="it was there before")
        return decided

    def _plainly(self, package: Package, answer: Answer) -> Decision:
        """Without exceptions and baseline."""
        if answer.verdict == "private":
            return Decision("pass", "private", "it is your own")
        if answer.verdict == "not_looked_up":
            return Decision("warned", "not-looked-up", "nothing is known of it")
        by_license = self._by_license(answer)
        if by_license.decision == "pass" or package.scope != "development":
            return by_license
        match self._policy.development:
            case "fail":
                return by_license
            case "warn":
                return Decision("warned", "development", f"{by_license.says}, and is used to build only")
            case "pass" | "skip":
                return Decision("pass", "development", f"{by_license.says}, and is used to build only")

    def _by_license(self, answer: Answer) -> Decision:
        refused = self._terms.refuses(answer)
        if refused is not None:
            return Decision("breach", "denied" if "is denied" in refused else "not-allowed", refused)
        if answer.verdict in self._policy.accept:
            return Decision("pass", "accept", f"{answer.verdict} is accepted")
        if answer.verdict == "proprietary":
            return Decision("breach", "accept", "it is proprietary")
        what = "its source does not have it" if answer.verdict == "not_found" else "it is unknown"
        return {
            "fail": Decision("breach", "unknown", what),
            "warn": Decision("warned", "unknown", what),
            "pass": Decision("pass", "unknown", what),
        }[self._policy.unknown]

    def _excepted(self, package: Package, answer: Answer, plainly: Decision) -> Decision:
        """The first exception in force wins; one that is not in force any more is a breach of its own."""
        fallen: Decision | None = None
        for one in self._policy.exceptions:
            if not one.names(package.package_id, package.version):
                continue
            if one.until < self._today:
                says = f"its exception ended on {one.until.isoformat()} ({plain(one.reason, 200)})"
                fallen = fallen or Decision("breach", "exception-expired", says, one)
            elif not _guards(one, answer):
                says = f"it declares {plain(answer.declares, 200)!r}, and was excepted for {plain(one.declares, 200)!r}"
                fallen = fallen or Decision("breach", "exception-outdated", says, one)
            else:
                return Decision("excepted", "exception", one.says(), one)
        return fallen if fallen is not None else plainly


def remarks(
    policy: Policy, packages: Sequence[Package], decisions: Mapping[Key, Decision], today: date
) -> list[Remark]:
    """What there is to say of the exceptions themselves."""
    found = []
    for one in policy.exceptions:
        named = [package for package in packages if one.names(package.package_id, package.version)]
        by = {decisions[package.key].decided_by for package in named if decisions[package.key].exception is one}
        name = plain(one.package, 120)
        if "exception-expired" in by:
            found.append(Remark("exception-expired", name, f"its exception ended on {one.until.isoformat()}", True))
        elif "exception-outdated" in by:
            says = f"its exception was for {plain(one.declares, 200)!r}, which it declares no more: it was relicensed"
            found.append(Remark("exception-outdated", name, says, True))
        elif any(decisions[package.key].decided_by == "not-looked-up" for package in named):
            continue  # Nobody knows whether it is needed.
        elif not by:
            says = "no package here needs its exception" if named else "its exception names no package here"
            found.append(Remark("exception-unused", name, says))
        elif one.until - today <= SOON:
            found.append(
                Remark("exception-ends-soon", name, f"its exception ends in {many((one.until - today).days, 'day')}")
            )
    return found


def _guards(one: PolicyException, answer: Answer) -> bool:
    """Whether the version still declares what it declared when it was excepted."""
    return one.declares is None or " ".join(one.declares.split()) == " ".join(answer.declares.split())
