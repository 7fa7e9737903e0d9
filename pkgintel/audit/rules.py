"""What decides an audit: the policy, the baseline, and whose approval makes a license open."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pkgintel.audit import baseline, inputs
from pkgintel.audit import policy as policies
from pkgintel.audit.answer import Answer
from pkgintel.audit.baseline import Baseline
from pkgintel.audit.decision import Decider, Decision
from pkgintel.audit.package import Package
from pkgintel.audit.place import Place
from pkgintel.audit.policy import Policy
from pkgintel.audit.report import Basis
from pkgintel.audit.store import Key
from pkgintel.licenses.meaning import Policy as MeaningPolicy
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.verdict import RULESET
from pkgintel.settings import Settings


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides: the policy, where it lies, and the baseline."""

    policy: Policy
    file: Path | None
    baseline: Baseline

    @classmethod
    def read(cls, file: Path | None, folder: Path, known: Path | None, today: date) -> "Rules":
        """The policy in `file`, else the nearest to `folder`, else the default; and the baseline in `known`.

        Raises: SettingsError.
        """
        found = file if file is not None else policies.find(folder)
        policy = policies.read(found, today) if found is not None else Policy()
        return cls(policy, found, baseline.read(known) if known is not None else Baseline())

    def approved_by(self, settings: Settings) -> MeaningPolicy:
        """The policy file wins over the setting."""
        return self.policy.approved_by if self.policy.approved_by is not None else settings.license_policy

    def decisions(
        self, packages: Sequence[Package], answers: Mapping[Key, Answer], today: date, *, writes_baseline: bool
    ) -> dict[Key, Decision]:
        """The decision on every version; with a baseline to write, that one counts already."""
        known = self.baseline
        if writes_baseline:
            bare = Decider(self.policy, Baseline(), today)
            breaches = [one for one in packages if bare.decide(one, answers[one.key]).decision == "breach"]
            known = Baseline((one.package_id, answers[one.key].declares) for one in breaches)
        decider = Decider(self.policy, known, today)
        return {one.key: decider.decide(one, answers[one.key]) for one in packages}

    def basis(self, listed: LicenseList, where: Place, settings: Settings) -> Basis:
        """What the audit rests on."""
        return Basis(
            ruleset=RULESET,
            policy=self.approved_by(settings),
            spdx_list_version=listed.version,
            catalog=where.catalog,
            watermark=where.watermark,
            source=where.source,
            policy_file=inputs.shown(self.file) if self.file is not None else None,
            policy_sha256=hashlib.sha256(self.file.read_bytes()).hexdigest() if self.file is not None else None,
        )
