"""What keeps the pipeline true by itself, once a minute: lost runs and callbacks, freshness, the staleness fallback."""

from redis.exceptions import RedisError

from pkgintel import database
from pkgintel.celery import app
from pkgintel.pipeline import checks, gate, scan
from pkgintel.settings import Settings
from pkgintel.tasks import beat, workflow

SENDS = 3  # How often a callback is sent again before its run counts as lost.


def tend(conn: database.Connection, settings: Settings) -> str:
    """Do all of it once; says what there was to do."""
    did = recover(conn, settings)
    try:
        did += beat.apply(conn, app)
    except RedisError as error:
        did.append(f"the ticks could not be told to beat: {error}")
    stale = record_freshness(conn, settings)
    if PACKAGES_STALE in stale and _may_fall_back(conn):
        workflow.next_scan("fallback")
        did.append("started a fallback scan")
    return "; ".join(did) or "nothing to do"


PACKAGES_STALE = f"{checks.PACKAGES}_fresh"


def recover(conn: database.Connection, settings: Settings, *, go_on: bool = True) -> list[str]:
    """Send again what was lost on the way, and take over runs that gave no sign of life.

    A run whose pages are all done gets its callback again; any other silent one is closed as lost. What follows from
    ended runs is read from their rows and sent until it is there, so no message is one that may not get lost: the scan
    or sync that goes on where a lost one stood or that a skipped tick asked for, the next scan while pages remain, the
    gates and the classifier. A scan that is about to begin itself asks for no other to go on.
    """
    did = []
    for row in database.every(conn, "runs/lost", lost_after=settings.lost_after):
        if row["all_done"] and row["sends"] < SENDS:
            database.run(conn, "runs/send_again", id=row["id"])
            workflow.finish(row["id"], row["action"]).apply_async()
            did.append(f"sent the callback of run {row['id']} again")
    did += [f"run {row['id']} of {row['source']} is lost" for row in scan.free_lost(conn, settings)]
    for row in database.every(conn, "runs/to_go_on", id=None, after=settings.lost_after) if go_on else []:
        workflow.go_on(row)
        database.run(conn, "runs/touch", ids=[row["id"]])
        did.append(f"the {row['action']} goes on where run {row['id']} ended")
    unsettled = database.every(conn, "runs/unsettled", lost_after=settings.lost_after)
    for source in ("nuget", "spdx"):
        runs = [row["id"] for row in unsettled if row["source"] == source]
        if runs:
            database.run(conn, "runs/touch", ids=runs)
            database.run(conn, "runs/settle_older", ids=runs[1:])
            workflow.after(source, runs[0])
            did.append(f"sent what follows run {runs[0]} again")
    return did + open_gates(conn, settings)


def open_gates(conn: database.Connection, settings: Settings, *, measured: bool = False) -> list[str]:
    """Measure again the gates that stand closed; one that opens sends the classification that it held back.

    That one was is read from the runs, so it is sent until a classification has begun. `measured` says that every check
    was just recorded. Raises: BrokerError or RedisError when it cannot be sent.
    """
    did = [f"{name} passes again" for name in gate.reopened(conn, settings)]
    held = database.one(conn, "runs/held_back", at_once=measured or bool(did), after=settings.lost_after)
    if held is not None and gate.all_open(conn, settings):
        workflow.classify(held["cause_id"])
        database.run(conn, "runs/touch", ids=[held["id"]])
        did.append(f"sent the classification that a gate held back behind run {held['cause_id']}")
    return did


def record_freshness(conn: database.Connection, settings: Settings) -> list[str]:
    """Measure and record the freshness of the three assets; the names of those that are stale."""
    results = [
        result
        for asset in checks.GATES
        for result in gate.measure(conn, settings, asset)
        if result.name == f"{asset}_fresh"
    ]
    gate.record(conn, results, None)
    return [result.name for result in results if not result.passed]


def _may_fall_back(conn: database.Connection) -> bool:
    """Stale data starts a scan by itself if its schedule is enabled, none is running, and none was tried just now."""
    row = database.one(conn, "runs/fallback")
    return bool(row and row["wanted"])
