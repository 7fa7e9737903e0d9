"""Bringing the watermark of a source back, after upstream was wrong; forward it is moved by scans."""

from pkgintel import database
from pkgintel.errors import SettingsError
from pkgintel.nuget import instant
from pkgintel.pipeline import checks, gate, replay, runs
from pkgintel.pipeline.states import Source
from pkgintel.settings import Settings


def reset(conn: database.Connection, settings: Settings, source: Source, to: str, why: str, by: str) -> int:
    """Bring the watermark back to `to`; the next scan lists from there, and fetches what is not stored.

    The ticks that it stood at before. An origin that lies behind `to` comes back too. The gate is measured again.
    Raises: SettingsError without a reason, for a time that is none, lies in the future or not before the watermark,
    while nothing is stored, or while a scan runs.
    """
    ticks = replay.moment_of(to)
    if not why.strip():
        raise SettingsError('Bringing the watermark back needs a reason, which is recorded: --why "…".')
    if not instant.FIRST <= ticks <= instant.now():
        raise SettingsError(f"The watermark is not brought to {to}: that is no time between the year 1 and now.")
    with conn.transaction():
        before = database.one(conn, "events/lock_watermark", source=source)
        if before is None:
            raise SettingsError("Nothing is stored yet, so there is no watermark to bring back: pkgintel run.")
        running = runs.running(conn, source)
        if running is not None:
            raise SettingsError(
                f"Run {running.id} is in progress, and moves the watermark itself: wait for its end, or "
                f"`pkgintel runs abort {running.id}`."
            )
        if ticks >= before["watermark_ticks"]:
            raise SettingsError(
                f"The watermark stands at {instant.timestamp(before['watermark_ticks'])}, which is not after {to}: it "
                "is only ever brought back; forward it is moved by scans, which read what lies between."
            )
        facts = {"source": source, "to": ticks}
        database.run(conn, "events/record_reset", **facts, why=why.strip(), by=by)
        database.run(conn, "events/reset_watermark", **facts)
    gate.record(conn, gate.measure(conn, settings, checks.PACKAGES), None)
    return int(before["watermark_ticks"])
