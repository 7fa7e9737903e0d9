"""An audit as values: what was looked at, the verdict and the decision on each version, and the basis of it all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pkgintel.audit.answer import Answer
from pkgintel.audit.decision import Decision, Remark
from pkgintel.audit.inputs import Source
from pkgintel.audit.manifests.requirement import Manifest
from pkgintel.audit.package import Package

SCHEMA = "pkgintel.audit/1"


@dataclass(frozen=True, slots=True)
class LastOpen:
    """The last open version below one that breaches, and the range that stays with it.

    `range` is None, and `unsure` says why, where a version between was not read.
    """

    version: str
    license: str | None
    range: str | None
    unsure: str | None = None


@dataclass(frozen=True, slots=True)
class Audited:
    """One version of a package with all that was found of it."""

    package: Package
    answer: Answer
    decision: Decision
    last_open: LastOpen | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """What verdicts and decisions were made from."""

    ruleset: int
    policy: str
    spdx_list_version: str
    catalog: str | None
    watermark: datetime | None
    source: str
    policy_file: str | None
    policy_sha256: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """A whole audit. `requests` is how many documents were asked for, `asked` how many names left this machine."""

    generated_at: datetime
    basis: Basis
    sources: tuple[Source, ...]
    packages: tuple[Audited, ...]
    remarks: tuple[Remark, ...]
    notes: tuple[str, ...]
    requests: int
    asked: int

    @property
    def inputs(self) -> tuple[Manifest, ...]:
        """The manifests that were read."""
        return tuple(source.manifest for source in self.sources)

    @property
    def summary(self) -> dict[str, int]:
        """How many versions got which verdict and which decision."""
        verdicts = Counter(one.answer.verdict for one in self.packages)
        decisions = Counter(one.decision.decision for one in self.packages)
        return {
            "packages": len(self.packages),
            **{
                name: verdicts[name]
                for name in ("open_source", "proprietary", "unknown", "private", "not_found", "not_looked_up")
            },
            "breaches": decisions["breach"],
            "excepted": decisions["excepted"],
            "baseline": decisions["baseline"],
            "warned": decisions["warned"],
            "passed": decisions["pass"],
        }

    def decided(self, *outcomes: str) -> Sequence[Audited]:
        """The versions on which was decided so, in their order."""
        return [one for one in self.packages if one.decision.decision in outcomes]

    @property
    def exit_code(self) -> int:
        """1 for a breach, 3 where something was not looked up, else 0."""
        if self.decided("breach"):
            return 1
        return 3 if any(one.answer.verdict == "not_looked_up" for one in self.packages) else 0
