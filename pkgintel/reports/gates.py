"""What each check says: its newest result, and its freshness as it is now."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime

from pkgintel import database
from pkgintel.pipeline import checks
from pkgintel.reports.shape import Moment, Number, Report
from pkgintel.settings import Deployment


class CheckResult(Report):
    """A check's result."""

    name: str
    blocking: bool
    passed: bool
    value: Number | None
    threshold: Number | None
    message: str

    @property
    def closes(self) -> bool:
        """Whether it keeps its gate closed."""
        return self.blocking and not self.passed

    @property
    def is_freshness(self) -> bool:
        """Whether it measures the age of an asset, in seconds."""
        return self.name in checks.FRESHNESS


class GateCheck(CheckResult):
    """A check's result, and the gate it belongs to."""

    gate: str

    @classmethod
    def of(cls, result: checks.Result) -> "GateCheck":
        """What was just measured."""
        return cls(**dataclasses.asdict(result))


class RunCheck(GateCheck):
    """A check's result, and when it was measured."""

    checked_at: Moment


class Check(RunCheck):
    """A check's newest result, the run it was measured for, and on which side of the threshold it should be."""

    run_id: int | None
    bound: str


def newest(
    conn: database.Connection, settings: Deployment, ages: Mapping[str, float | None], now: datetime
) -> tuple[Check, ...]:
    """The newest result of each check. `ages` are the assets' in seconds `now`, of which freshness is reckoned."""
    defined = [check for name in checks.ASSETS for check in checks.of_gate(name, settings)]
    bounds = {check.name: check.bound for check in defined} | dict.fromkeys(checks.MEASURED_APART, "at most")
    stored = [name for name in bounds if name not in checks.FRESHNESS]
    found = [Check(**row, bound=bounds[row["name"]]) for row in database.every(conn, "checks/latest", names=stored)]
    for check in defined:
        if check.is_freshness:
            result = GateCheck.of(check.judge(ages[check.gate]))
            found.append(result.within(Check, run_id=None, checked_at=now, bound=check.bound))
    return tuple(found)
