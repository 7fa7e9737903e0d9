"""What came of `pkgintel run`: its facts, and its exit code."""

from typing import Literal

from pkgintel import database
from pkgintel.errors import PkgintelError
from pkgintel.licenses.evidence import VERDICT_NAMES
from pkgintel.pipeline import checks
from pkgintel.pipeline.states import Action, State
from pkgintel.reports.follow import FollowedRun, FollowedRuns
from pkgintel.reports.gates import CheckResult
from pkgintel.reports.shape import Moment, Report
from pkgintel.settings import Deployment

UNREACHABLE = ("UpstreamUnavailable", "TryLater")

OutcomeName = Literal["done", "caught_up", "already_running", "blocked", "failed"]


class Window(Report):
    """What a chain of scans listed: commits after `after` (None for all) and up to `up_to`."""

    after: Moment | None
    up_to: Moment | None


class Summary(Report):
    """The facts of a run of the pipeline: what was read now, what is stored. Of one that could not begin: the error."""

    outcome: OutcomeName
    catalog: str | None
    watermark: Moment | None
    window: Window | None = None
    pages: int
    leaves: int
    rejected: int
    license_files: int | None = None
    packages: int | None
    deleted: int | None = None
    versions: int | None
    versions_unread: int | None = None
    packages_unread: int | None = None
    verdicts: dict[str, int]
    rules: dict[str, int] | None = None
    checks: tuple[CheckResult, ...]
    spdx_list_version: str | None = None
    more_pages: bool = False
    error: str | None
    error_type: str | None
    runs: tuple[int, ...] = ()
    database: str = ""
    home: str = ""
    example: str | None = None
    seconds: float

    def exit_code(self) -> int:
        """0 done; 1 failed or blocked; 3 when what failed was that upstream cannot be reached."""
        if self.outcome in ("done", "caught_up", "already_running"):
            return 0
        return 3 if self.error_type in UNREACHABLE else 1


def facts(
    conn: database.Connection,
    settings: Deployment,
    scans: FollowedRuns,
    licenses: FollowedRuns,
    seconds: float,
    texts: FollowedRuns | None = None,
) -> Summary:
    """Outcome, what was read, what is stored, verdicts, rules, checks, where the data is; it took `seconds`.

    `texts` are the runs that read license files, where any did.
    """
    totals = database.the(conn, "reports/summary/totals")
    rules = database.every(conn, "reports/summary/rules")
    read = [run for run in scans.of("nuget") if run.read_something]
    listed = [run for run in read if run.action is Action.SCAN]
    bad = _bad(scans, licenses) or (texts.bad() if texts else None)
    example = database.one(conn, "reports/summary/example")
    verdicts = dict.fromkeys(map(str, VERDICT_NAMES), 0)
    for rule in rules:
        verdicts[rule["verdict"]] += rule["packages"]
    return Summary(
        outcome=outcome(scans, licenses, texts),
        catalog=totals["catalog"] or settings.service_index_url,
        watermark=totals["watermark"],
        window=Window(after=listed[0].window_after, up_to=listed[-1].window_up_to) if listed else None,
        pages=sum(run.pages_total for run in listed),
        leaves=sum(run.leaves for run in read),
        rejected=sum(run.rejected for run in read),
        license_files=sum(run.leaves for run in texts.of("texts")) if texts else None,
        packages=totals["packages"],
        deleted=totals["deleted"],
        versions=totals["versions"],
        versions_unread=totals["versions_unread"],
        packages_unread=totals["packages_unread"],
        verdicts=verdicts,
        rules={rule["rule"]: rule["packages"] for rule in rules},
        checks=_checks(conn, settings),
        spdx_list_version=totals["list_version"],
        more_pages=bool(listed and listed[-1].more),
        error=bad.error if bad else None,
        error_type=bad.error_type if bad else None,
        runs=tuple(run.id for run in (*licenses.runs, *scans.runs, *(texts.runs if texts else ()))),
        database=database.place(settings.database_url),
        home=str(settings.home),
        example=example["package_id"] if example else None,
        seconds=seconds,
    )


def _checks(conn: database.Connection, settings: Deployment) -> tuple[CheckResult, ...]:
    names = [check.name for gate in checks.ASSETS for check in checks.of_gate(gate, settings)]
    rows = database.every(conn, "checks/latest", names=[*names, *checks.MEASURED_APART])
    return tuple(CheckResult(**{name: row[name] for name in CheckResult.model_fields}) for row in rows)


def nothing(error: PkgintelError, seconds: float) -> Summary:
    """The facts of a run that could not begin."""
    return Summary(
        outcome="failed",
        error=str(error),
        error_type=type(error).__name__,
        catalog=None,
        watermark=None,
        pages=0,
        leaves=0,
        rejected=0,
        packages=None,
        versions=None,
        verdicts={},
        checks=(),
        seconds=seconds,
    )


def outcome(scans: FollowedRuns, licenses: FollowedRuns, texts: FollowedRuns | None = None) -> OutcomeName:
    """One word for how it went."""
    bad = _bad(scans, licenses) or (texts.bad() if texts else None)
    if bad and bad.state is State.SKIPPED:
        return "already_running"
    if bad:
        return "blocked" if bad.state is State.BLOCKED else "failed"
    ran = scans.of("nuget")
    return "caught_up" if ran and all(run.state is State.CAUGHT_UP for run in ran) else "done"


def _bad(scans: FollowedRuns, licenses: FollowedRuns) -> FollowedRun | None:
    """The run whose end is the outcome, if it is a bad one.

    A sync that was skipped behind somebody else's is none, nor is a classification that met a closed gate which the
    scan then opened.
    """
    found = licenses.bad()
    judged = any(run.state.good for run in scans.of("verdicts"))
    harmless = found and (found.state is State.SKIPPED or (found.source == "verdicts" and judged))
    return scans.bad() or (None if harmless else found)
