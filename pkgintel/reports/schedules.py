"""The ticks as an operator sees them: what was decided, when they last came, and when they come next."""

from pkgintel import database
from pkgintel.reports.shape import Moment, Report
from pkgintel.tasks import beat


class Tick(Report):
    """A tick: whether it is on and who decided that, the last one with its run, and the next one.

    `cron` is the crontab that beat gave it when it started; where none ever has, that of this process's settings.
    """

    cron: str
    enabled: bool
    changed_by: str
    changed_at: Moment
    last_tick: Moment | None
    last_run: int | None
    last_result: str | None
    next_tick: Moment | None


class DueTick(Tick):
    """A tick with the seconds that it is late: due since it last came, or since it was enabled."""

    late_seconds: float


def ticks(conn: database.Connection) -> dict[str, Tick]:
    """Each tick by its name. Needs Postgres only."""
    crons = beat.crons()
    return {
        row["name"]: Tick(
            cron=row["cron"] or crons[row["name"]],
            enabled=row["enabled"],
            changed_by=row["changed_by"],
            changed_at=row["changed_at"],
            last_tick=row["last_tick"],
            last_run=row["last_run"],
            last_result=row["last_result"],
            next_tick=beat.next_tick(row["cron"] or crons[row["name"]]) if row["enabled"] else None,
        )
        for row in database.every(conn, "schedules/all")
    }


def due(conn: database.Connection) -> dict[str, DueTick]:
    """Each tick by its name, with how late it is now. Needs Postgres only."""
    return {name: tick.within(DueTick, late_seconds=_late(tick)) for name, tick in ticks(conn).items()}


def _late(tick: Tick) -> float:
    if not tick.enabled:
        return 0.0
    since = max(filter(None, (tick.last_tick, tick.changed_at)))
    return max(0.0, -beat.seconds_left(tick.cron, since))
