"""What keeps the pipeline true by itself, every ten seconds: lost runs and tasks, gates, freshness, the fallback."""

from collections.abc import Collection

from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from pkgintel import database
from pkgintel.celery import app
from pkgintel.errors import ServiceUnavailable, SettingsError
from pkgintel.pipeline import checks, gate, heartbeats, pages, replay, retention, runs, sequels, text_reading
from pkgintel.pipeline.heartbeats import SilentRun
from pkgintel.pipeline.states import Action, Kind, Source
from pkgintel.runtime import broker, orphans
from pkgintel.settings import Deployment, Settings
from pkgintel.tasks import beat, workflow
from pkgintel.tasks.base import SENDS
from pkgintel.text import many

ANSWER = 1.0  # Seconds that workers get to say what they hold.
FRESHNESS_EVERY = 50.0  # Seconds between two records of freshness, which upkeep is too frequent for.


def tend(conn: database.Connection, settings: Settings) -> str:
    """Do all of it once; says what there was to do."""
    did = recover(conn, settings)
    try:
        did += send_lost(conn)
        did += beat.apply(conn, app)
    except (BrokerError, RedisError) as error:
        did.append(f"Redis could not be asked, nor beat be informed of the ticks: {error}")
    if text_reading.is_behind(conn):
        workflow.match()
        did.append("sent the reading of license texts that an earlier release read")
    did += [f"{name} fails" for name in gate.note_closed(conn, settings, None)]
    if gate.recorded_ago(conn, PACKAGES_STALE) > FRESHNESS_EVERY:
        did += retention.tidy(conn, settings)
    stale = record_freshness(conn, settings)
    if PACKAGES_STALE in stale and sequels.may_fall_back(conn):
        workflow.next_scan(Kind.FALLBACK)
        did.append("started a fallback scan")
    return "; ".join(did) or "nothing to do"


PACKAGES_STALE = checks.freshness(checks.PACKAGES)


def recover(conn: database.Connection, settings: Settings, *, go_on: bool = True) -> list[str]:
    """Send again what was lost on the way, and take over runs that gave no sign of life.

    A run whose pages are all done gets its callback again; any other silent one is closed as lost. What follows from
    ended runs is read from their rows and sent until it has arrived, so any message may get lost: the scan
    or sync that goes on where a lost one stood or that a skipped tick asked for, the next scan while pages remain, the
    gates and the classifier. A scan that is about to begin itself asks for no other to go on.
    """
    did = []
    for lacking in heartbeats.lacking_callback(conn, settings.lost_after, SENDS):
        heartbeats.send_again(conn, lacking.id)
        workflow.finish(lacking.id, lacking.action).apply_async()
        did.append(f"sent the callback of run {lacking.id} again")
    did += [f"run {run.id} of {run.source} is lost" for run in free_lost(conn, settings)]
    for one in sequels.continuations(conn, after=settings.lost_after) if go_on else []:
        workflow.go_on(one)
        heartbeats.sent_what_follows(conn, one.id)
        did.append(f"the {one.action} goes on where run {one.id} ended")
    return did + send_unsettled(conn, settings, settings.lost_after) + open_gates(conn, settings)


def send_unsettled(conn: database.Connection, settings: Settings, after: float) -> list[str]:
    """Send again what follows ended runs and did not come through within `after` seconds; what was sent."""
    did = []
    unsettled = sequels.unsettled(conn, after)
    for source in (Source.NUGET, Source.SPDX, Source.TEXTS):
        ids = [run.id for run in unsettled if run.source is source]
        if ids:
            heartbeats.sent_what_follows(conn, *ids)
            runs.settle(conn, *ids[1:])
            workflow.after(conn, settings, source, ids[0])
            did.append(f"sent what follows run {ids[0]} again")
    return did


def send_lost(conn: database.Connection) -> list[str]:
    """Send again what Redis or a worker lost: what a worker that is gone held, and all pages after Redis was emptied.

    Raises: RedisError, BrokerError.
    """
    did = []
    if orphans.lost_all(app.backend.client):
        for run in pages.sent(conn):
            workflow.send_pages(run.id, run.action, pages.pending(conn, run.id))
            did.append(f"Redis was emptied: sent the pages of run {run.id} again")
        orphans.note_sent(app.backend.client)
    with app.connection_for_write() as connection:
        given_back = orphans.give_back(connection, _held)
    if given_back:
        did.append(f"gave back {many(given_back, 'task')} of workers that are gone")
    return did


def _held(ids: Collection[str]) -> Collection[str] | None:
    """Which of the tasks some worker holds; None when no worker answers."""
    answers = app.control.inspect(timeout=ANSWER).query_task(*ids)
    return {task_id for answer in answers.values() for task_id in answer} if answers else None


def free_lost(conn: database.Connection, settings: Settings) -> list[SilentRun]:
    """End every run without a sign of life, unless only its callback is missing and is still sent again."""
    return heartbeats.free_lost(conn, settings.lost_after, SENDS)


def open_gates(conn: database.Connection, settings: Settings, *, measured: bool = False) -> list[str]:
    """Measure again the gates that stand closed; one that opens sends the classification that it held back.

    That one was is read from the runs, so it is sent until a classification has begun. `measured` says that every check
    was just recorded. Raises: BrokerError or RedisError when it cannot be sent.
    """
    did = [f"{name} passes again" for name in gate.reopened(conn, settings)]
    opened = bool(did) or measured
    held = sequels.held_back(conn, at_once=opened, after=settings.lost_after)
    if held is not None and gate.all_open(conn, settings):
        workflow.classify(held.cause_id)
        heartbeats.sent_what_follows(conn, held.id)
        did.append(f"sent the classification that a gate held back behind run {held.cause_id}")
    freed = replay.unblock(conn, settings) if opened else None
    return [*did, freed] if freed else did


def record_freshness(conn: database.Connection, settings: Settings) -> list[str]:
    """Measure the freshness of the assets; the names of the checks that fail. Recorded about once a minute."""
    results = gate.ages(conn, settings)
    if gate.recorded_ago(conn, PACKAGES_STALE) > FRESHNESS_EVERY:
        gate.record(conn, results, None)
    return [result.name for result in results if not result.passed]


def resume(conn: database.Connection, settings: Deployment, run_id: int) -> str:
    """Go on, in a new run, with what a run left undone; the name of the task that was sent.

    A run that gives no sign of life any more is closed as lost first, whether or not a beat runs that would do it.
    Raises: SettingsError when it is no run to resume, or its source is at work already; ServiceUnavailable when Redis
    does not answer.
    """
    free_lost(conn, settings)
    run = runs.known(conn, run_id)
    if run.action is Action.REPLAY:
        raise SettingsError(f"Run {run_id} is a replay: ask for it again with `pkgintel reprocess`.")
    if run.state.ended and not run.state.resumable:
        raise SettingsError(f"Run {run_id} is {run.state}, so nothing of it is left to do.")
    later = runs.finished_by(conn, run_id)
    if later is not None:
        raise SettingsError(f"Run {later} has done what run {run_id} left undone, so nothing of it is left to do.")
    running = runs.running(conn, run.source)
    if running is not None:
        raise SettingsError(f"Run {running.id} of {run.source} is in progress, and does all there is to do.")
    try:
        return workflow.resume(run)
    except (BrokerError, RedisError) as error:
        why = broker.because(settings.redis_url, error)
        raise ServiceUnavailable(f"Redis does not answer, so nothing was sent: {why}.") from None
