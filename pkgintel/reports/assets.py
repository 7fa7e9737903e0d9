"""The assets: how many rows they hold, how fresh they are, what keeps them from being updated, their verdicts."""

from collections.abc import Iterable

from pkgintel import database
from pkgintel.licenses.evidence import VERDICT_NAMES
from pkgintel.pipeline.checks import GATES, SOURCES, VERDICTS
from pkgintel.pipeline.states import State
from pkgintel.reports.gates import Check
from pkgintel.reports.shape import Moment, Number, Report
from pkgintel.reports.work import Outcome

COUNTED = 200_000  # Tables of more rows are estimated, so that asking never grows slow.
EXAMPLES = 3


class Asset(Report):
    """A table of the pipeline. `age_seconds` is None before the first success."""

    rows: int
    rows_exact: bool
    last_success: Moment | None
    age_seconds: float | None
    threshold_seconds: Number
    fresh: bool
    blocked: bool
    blocked_because: tuple[str, ...]


class AssetRow(Report):
    """An asset as Postgres has it; `exact` says that its rows were counted."""

    name: str
    source: str
    exact: bool
    rows: int
    last_success: Moment | None
    age_seconds: float | None


class VerdictCount(Report):
    """The packages of one verdict, and their share of all that are judged, from 0 to 1."""

    packages: int
    share: float


class RejectedLeaf(Report):
    """A leaf that stands rejected. All but its address and times is of foreign making."""

    leaf_url: str
    package_id: str
    version: str
    reason: str
    error: str
    attempts: int
    first_seen: Moment
    last_seen: Moment


def rows(conn: database.Connection) -> tuple[AssetRow, ...]:
    """Each asset as Postgres has it."""
    return tuple(AssetRow(**row) for row in database.every(conn, "reports/status/assets", counted=COUNTED))


def assets(rows: Iterable[AssetRow], found: Iterable[Check], outcomes: Iterable[Outcome]) -> dict[str, Asset]:
    """Each by name. A closed gate that keeps the classifier from running blocks the verdicts too."""
    closed = [check for check in found if check.closes]
    fresh = {check.gate: check for check in found if check.is_freshness}
    blocked = {run.source: run for run in outcomes if run.state is State.BLOCKED}
    made = {}
    for row in rows:
        name = row.name
        behind = GATES if name == VERDICTS else (name,)
        because = [check.message for check in closed if check.gate in behind]
        run = blocked.get(SOURCES[name])
        if run and not because:
            because = [run.error or f"run {run.id} is blocked"]
        made[name] = Asset(
            rows=row.rows,
            rows_exact=row.exact,
            last_success=row.last_success,
            age_seconds=row.age_seconds,
            threshold_seconds=fresh[name].threshold or 0,
            fresh=row.age_seconds is not None and fresh[name].passed,
            blocked=bool(because),
            blocked_because=tuple(because),
        )
    return made


def verdicts(conn: database.Connection, asset: AssetRow) -> dict[str, VerdictCount]:
    """Packages and share of each verdict, from a sample where the table is large; `asset` is its row."""
    percent = 100.0 if asset.exact else 100.0 * COUNTED / 4 / asset.rows
    counts = {
        row["verdict"]: row["packages"] for row in database.every(conn, "reports/status/verdicts", percent=percent)
    }
    seen = sum(counts.values())
    scale = 1 if asset.exact else asset.rows / max(1, seen)
    return {
        verdict: VerdictCount(
            packages=round(counts.get(verdict, 0) * scale), share=counts.get(verdict, 0) / seen if seen else 0.0
        )
        for verdict in VERDICT_NAMES
    }


def rejected(conn: database.Connection) -> tuple[int, tuple[RejectedLeaf, ...]]:
    """How many leaves stand rejected, and the newest of them."""
    found = database.every(conn, "reports/status/rejected", most=EXAMPLES)
    total = found[0]["total"] if found else 0
    return total, tuple(RejectedLeaf(**{name: row[name] for name in row if name != "total"}) for row in found)
