"""What keeps the pipeline true by itself, once a minute: lost runs and callbacks, freshness, the staleness fallback."""

from pkgintel import checks, db, gate, scan, workflow
from pkgintel.settings import Settings

SENDS = 3  # How often a callback is sent again before its run counts as lost.


def tend(conn: db.Connection, settings: Settings) -> str:
    """Do all of it once; says what there was to do."""
    did = recover(conn, settings)
    stale = record_freshness(conn, settings)
    if PACKAGES_STALE in stale and _may_fall_back(conn):
        workflow.next_scan("fallback")
        did.append("started a fallback scan")
    return "; ".join(did) or "nothing to do"


PACKAGES_STALE = f"{checks.PACKAGES}_fresh"


def recover(conn: db.Connection, settings: Settings) -> list[str]:
    """Send again what was lost on the way, and take over runs that gave no sign of life.

    A run whose pages are all done gets its callback again; any other silent one is closed as lost and its work goes on
    in a new run, from the pages that are stored. What follows a finished run is sent again until it is through.
    """
    did = []
    for row in db.every(conn, "runs/lost", lost_after=settings.lost_after):
        if row["source"] == "nuget" and row["action"] == "scan" and row["all_done"] and row["sends"] < SENDS:
            db.run(conn, "runs/send_again", id=row["id"])
            workflow.finish(row["id"]).apply_async()
            did.append(f"sent the callback of run {row['id']} again")
    for row in scan.free_lost(conn, settings):
        did.append(f"run {row['id']} of {row['source']} is lost")
        if row["action"] == "scan":
            workflow.next_scan(row["kind"], cause_id=row["id"])
        elif row["action"] == "sync":
            workflow.next_sync(row["kind"], cause_id=row["id"])
    unsettled = db.every(conn, "runs/unsettled", lost_after=settings.lost_after)
    for source in ("nuget", "spdx"):
        runs = [row["id"] for row in unsettled if row["source"] == source]
        if runs:
            db.run(conn, "runs/touch", ids=runs)
            db.run(conn, "runs/settle_older", ids=runs[1:])
            workflow.after(source, runs[0])
            did.append(f"sent what follows run {runs[0]} again")
    return did


def record_freshness(conn: db.Connection, settings: Settings) -> list[str]:
    """Measure and record the freshness of the three assets; the names of those that are stale."""
    results = [
        result
        for asset in checks.GATES
        for result in gate.measure(conn, settings, asset)
        if result.name == f"{asset}_fresh"
    ]
    gate.record(conn, results, None)
    return [result.name for result in results if not result.passed]


def _may_fall_back(conn: db.Connection) -> bool:
    """Stale data starts a scan by itself if its schedule is enabled, none is running, and none was tried just now."""
    row = db.one(conn, "runs/fallback")
    return bool(row and row["wanted"])
