"""The checks after each write, and the gates they make: pure definitions and the sentence each result speaks.

A blocking check that fails ends the chain at its gate and keeps the classifier from running, whichever source asks
for it; a warning is recorded and stops nothing.
"""

from dataclasses import dataclass
from typing import Literal

from pkgintel.errors import SettingsError
from pkgintel.pipeline.states import Source
from pkgintel.settings import Settings

PACKAGES = "raw_nuget_packages"
LICENSES = "raw_spdx_licenses"
VERDICTS = "enriched_nuget_package_oss_status"
TEXTS = "raw_license_texts"
GATES = (PACKAGES, LICENSES, VERDICTS)  # Those that hold the classifier; that of the texts holds what was read alone.
ASSETS = (PACKAGES, LICENSES, TEXTS, VERDICTS)
# Which of our sources fills which asset.
SOURCES = {PACKAGES: Source.NUGET, LICENSES: Source.SPDX, TEXTS: Source.TEXTS, VERDICTS: Source.VERDICTS}


def freshness(asset: str) -> str:
    """The name of the check that measures the age of an asset."""
    return f"{asset}_fresh"


FRESHNESS = frozenset(map(freshness, ASSETS))

OSI_FLOOR = 100
REJECTS_AT_LEAST = 10  # Fewer rejected leaves than this are never schema drift, whatever their share.


@dataclass(frozen=True, slots=True)
class Check:
    """One measured threshold: `value` must be at least (or at most) `threshold`.

    `statement` names the file in sql/checks that measures it; `says` is the sentence, with {value} and {threshold}.
    Where it measures nothing, for nothing is stored, it fails, unless `says_of_nothing` is given, the sentence then.
    """

    name: str
    gate: str
    blocking: bool
    statement: str
    bound: Literal["at least", "at most"]
    threshold: float
    says: str
    says_of_nothing: str | None = None

    @property
    def is_freshness(self) -> bool:
        """Whether it measures an age, which is another one at every moment."""
        return self.statement == "age"

    def judge(self, value: float | None) -> "Result":
        """What `value` means; None where there was nothing to measure."""
        says = self.says
        if value is None:
            passed, says = self.says_of_nothing is not None, self.says_of_nothing or self.says
        else:
            passed = value >= self.threshold if self.bound == "at least" else value <= self.threshold
        shown = "nothing" if value is None else f"{value:.10g}"
        if self.is_freshness:
            shown = "never" if value is None else f"{value / 3600:.1f} h ago"
        says = says.format(value=shown, threshold=f"{self.threshold:.10g}", hours=f"{self.threshold / 3600:.10g}")
        return Result(self.name, self.gate, self.blocking, passed, value, self.threshold, f"{self.name}: {says}")


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found, as `ops.check_results` keeps it."""

    name: str
    gate: str
    blocking: bool
    passed: bool
    value: float | None
    threshold: float
    message: str


REACHED_CHECK = "raw_license_texts_reached"
ALIKE_CHECK = "raw_license_texts_alike"
OPENED_CHECK = "raw_license_texts_opened"
STEADY_CHECK = "raw_license_texts_steady"
REJECT_LIMIT_CHECK = "raw_nuget_packages_reject_limit"
NONEMPTY_CHECK = "raw_nuget_packages_nonempty"
NEGATIVES_CHECK = "raw_license_texts_negatives"
WATERMARK_CHECK = "watermark_not_ahead"
MEASURED_APART = (REJECT_LIMIT_CHECK, NEGATIVES_CHECK)  # By a scan and by a reader of texts.


def of_gate(gate: str, settings: Settings) -> list[Check]:
    """The checks of one gate, blocking ones first.

    Raises: SettingsError for a gate that does not exist.
    """
    if gate not in ASSETS:
        raise SettingsError(f"There is no gate {gate!r}; there are {', '.join(ASSETS)}.")
    return {
        PACKAGES: [
            Check(
                NONEMPTY_CHECK, gate, True, "packages", "at least", 1,
                "packages stored: {value} (counted no further than needed), and at least {threshold} must be",
            ),
            Check(
                WATERMARK_CHECK, gate, True, "watermark_ahead", "at most", 86_400,
                "the watermark lies {value} s ahead of the clock, and {threshold} s at most are right; what is "
                "published before it is not read",
                says_of_nothing="no watermark is stored, for the catalog was not read yet",
            ),
            Check(
                "raw_nuget_packages_rejected", gate, False, "open_rejects", "at most", 0,
                "leaves that stand rejected: {value}, where {threshold} should be (pkgintel reprocess --rejected)",
            ),
            _fresh(gate, settings.fresh_packages),
        ],
        LICENSES: [
            Check(
                "raw_spdx_licenses_osi_floor", gate, True, "osi_licenses", "at least", OSI_FLOOR,
                "{value} OSI-approved licenses are on the list and at least {threshold} are needed",
            ),
            _fresh(gate, settings.fresh_licenses),
        ],
        TEXTS: [
            Check(
                REACHED_CHECK, gate, True, "texts_unreached", "at most", 0.3,
                "the share of one host's license files that could not be fetched in one run is {value}, and at most "
                "{threshold} may be, where it is ten or more",
            ),
            Check(
                ALIKE_CHECK, gate, True, "texts_alike", "at most", 9,
                "one text that is no known license stands at addresses of {value} owners, and of {threshold} at most "
                "it may: it might be a page that a host shows for every file (pkgintel texts list)",
            ),
            Check(
                OPENED_CHECK, gate, True, "texts_opened", "at most", 0,
                "texts that were closed and would be read as open now: {value}, where {threshold} may be",
            ),
            Check(
                STEADY_CHECK, gate, True, "texts_moved", "at most", 0.01,
                "of the texts that decide something, the share that is read otherwise now is {value}, and at most "
                "{threshold} may be",
            ),
            # Their schedule is shipped stopped, so one that never ran is nothing wrong.
            _fresh(gate, settings.fresh_texts, says_of_nothing="no license file was asked for yet"),
        ],
        VERDICTS: [
            Check(
                "enriched_nuget_package_oss_status_complete", gate, False, "unjudged", "at most", 0,
                "packages without a verdict: {value}, where {threshold} should be",
            ),
            _fresh(gate, settings.fresh_verdicts),
        ],
    }[gate]  # fmt: skip


def _fresh(gate: str, seconds: float, says_of_nothing: str | None = None) -> Check:
    says = "last success: {value}; fresh is at most {hours} h ago"
    return Check(freshness(gate), gate, False, "age", "at most", seconds, says, says_of_nothing)


def reject_limit(rejected: int, leaves: int, limit: float) -> Result:
    """Whether so many of a run's leaves were rejected that the schema must have drifted: more than `limit`, and ten."""
    share = rejected / leaves if leaves else 0.0
    passed = rejected < REJECTS_AT_LEAST or share <= limit
    told = f"{rejected} of {leaves} leaves were rejected ({share:.2%}), and at most {limit:.2%} may be"
    message = f"{REJECT_LIMIT_CHECK}: {told}"
    return Result(REJECT_LIMIT_CHECK, PACKAGES, True, passed, share, limit, message)


def negatives(recognised: int) -> Result:
    """Whether the reader takes texts for licenses that must never be."""
    message = f"{NEGATIVES_CHECK}: {recognised} made-up texts that are no license are read as one, and none may be"
    return Result(NEGATIVES_CHECK, TEXTS, True, not recognised, recognised, 0, message)
