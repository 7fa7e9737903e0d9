"""What is wrong, and what to do about it: sentences about the facts of `pkgintel status`.

Every sentence names the thing, says how it stands, and ends with what its reader does next.
"""

from collections.abc import Mapping

from pkgintel.nuget.instant import iso
from pkgintel.pipeline import checks
from pkgintel.pipeline.checks import GATES, NONEMPTY_CHECK, SOURCES
from pkgintel.pipeline.states import Action, Source, State
from pkgintel.reports.crew import NOT_ASKED, UNKNOWN, Strays
from pkgintel.reports.facts import Facts
from pkgintel.reports.gates import Check
from pkgintel.reports.work import LockHolder, LockWait, Outcome
from pkgintel.settings import Deployment
from pkgintel.text import ago, many, minute, span

UPKEEP_SILENT = 300.0  # Seconds: upkeep is recorded every minute where beat and a worker run.

_START = "Start beat and a worker: `make up`, or `celery -A pkgintel beat` and `celery -A pkgintel worker`"
_UPKEEP = "by itself while beat and a worker run (`make up`)"
_AS_THEY_WERE = "until then verdicts stay as they were."
_ACCEPT_READER = f'`pkgintel texts accept reader --why "…"` lets it through; {_AS_THEY_WERE}'
_WHAT_TO_DO = {
    checks.REACHED_CHECK: f"The next tick of texts asks again; {_AS_THEY_WERE}",
    checks.ALIKE_CHECK: "`pkgintel texts list` has it and `pkgintel texts show SHA` shows it; "
    f'`pkgintel texts accept SHA --why "…"` lets it through; {_AS_THEY_WERE}',
    checks.OPENED_CHECK: _ACCEPT_READER,
    checks.STEADY_CHECK: _ACCEPT_READER,
    checks.NEGATIVES_CHECK: f"The reader of this release is wrong, so install another one; {_AS_THEY_WERE}",
    checks.WATERMARK_CHECK: '`pkgintel watermark reset --to TIME --why "…"` brings it back to when it was last right; '
    "nothing is lost by that, nor read twice.",
    "raw_spdx_licenses_osi_floor": "See that PKGINTEL_SPDX_LICENSES_URL names the whole list, then "
    "`pkgintel schedule run-now spdx` (or `pkgintel run`); until then no package is judged.",
    checks.REJECT_LIMIT_CHECK: "Read the rejected leaves; `pkgintel reprocess --rejected` tries them again, and "
    '`--accept --why "…"` goes on without them.',
}


def because(found: Facts, settings: Deployment) -> list[str]:
    """One sentence or two for each thing that is wrong: what it is, and what to do about it."""
    busy = {run.source: run.id for run in found.running if not run.lost}
    sentences = _dead(found)  # First, for nothing else heals without them.
    sentences += [f"{check.message}. {_what_to_do(check, found)}" for check in found.checks if check.closes]
    sentences += _bad_runs(found, busy, settings)
    return sentences + _stale(found, busy)


def _what_to_do(check: Check, found: Facts) -> str:
    """What opens the gate that a failed check keeps closed."""
    if check.name != NONEMPTY_CHECK:
        return _WHAT_TO_DO.get(check.name, "Nothing further is judged until it passes.")
    if found.leaves_stored:
        return "`pkgintel reprocess --all --from-raw` makes the packages again from the leaves that are stored."
    if found.rejected_leaves:
        return "Read the rejected leaves; `pkgintel reprocess --rejected` tries them again."
    if found.watermark is not None:
        return (
            f'`pkgintel watermark reset --to {iso(found.origin)} --why "the tables were emptied"` and then '
            "`pkgintel run` read the catalog again."
        )
    return "Run `pkgintel run`, and look at the error of the last scan if it stays so."


def bad_ends(found: Facts) -> list[Outcome]:
    """The last runs that went wrong and speak for themselves: not those that only met a gate which is closed still."""
    closed = [check for check in found.checks if check.closes]
    return [run for run in found.outcomes if run.bad and not (run.state is State.BLOCKED and _held_by(run, closed))]


def _held_by(run: Outcome, closed: list[Check]) -> bool:
    """Whether a closed gate is what blocked the run: its own, or any one before the classifier."""
    judges = run.source == SOURCES[checks.VERDICTS]
    return any(SOURCES[check.gate] == run.source or (judges and check.gate in GATES) for check in closed)


def _bad_runs(found: Facts, busy: Mapping[Source, int], settings: Deployment) -> list[str]:
    """Runs that give no sign of life, whose end never came, or that were the last of their source and went wrong."""
    sentences = [
        f"Run {run.id} ({run.source} {run.action}) is lost: it gave no sign of life for "
        f"{span(run.silent_seconds)}. A new one takes over {_UPKEEP}."
        for run in (*found.running, *found.replays)
        if run.lost
    ]
    for run in bad_ends(found):
        error = (run.error or "no reason was recorded").rstrip(".")
        here = "" if run.source is Source.TEXTS else "`pkgintel run`, "  # Which reads no texts but the sample's.
        then = (
            f"What is stored stays; `pkgintel runs resume {run.id}` where workers run, {here}or the next tick goes on "
            "from there."
        )
        if run.source in busy:
            then = f"Run {busy[run.source]} is trying again now."
        sentences.append(f"Run {run.id} ({run.source} {run.action}) ended {run.state}: {error}. {then}")
    sentences += [
        f"Redis was emptied while run {run.id} ({run.source} {run.action}) is in progress: its pages are sent again "
        f"{_UPKEEP}."
        for run in found.running
        if found.redis_lost_all and run.pages_left and run.action is Action.SCAN
    ]
    if found.unsettled:
        numbers = ", ".join(map(str, found.unsettled[:3]))
        sentences.append(
            f"Run {numbers} ended well, but the gate and the verdicts that follow did not come through within "
            f"{span(settings.lost_after)}. They are sent again {_UPKEEP}."
        )
    return sentences


def _stale(found: Facts, busy: Mapping[Source, int]) -> list[str]:
    stale = {check.gate: found.assets[check.gate] for check in found.checks if check.is_freshness and not check.passed}
    if len(stale) == len(GATES) and all(asset.last_success is None for asset in stale.values()) and not busy:
        return [
            "Nothing was ever stored here. Run `pkgintel run` once, or enable the schedules: "
            "`pkgintel schedule enable nuget` and `pkgintel schedule enable spdx`."
        ]
    sentences = []
    for name, asset in stale.items():
        source = SOURCES[name]
        when = "never succeeded" if asset.last_success is None else f"last succeeded {ago(asset.age_seconds)}"
        says = f"{name} is stale: it {when}, and should every {span(asset.threshold_seconds)}."
        tick = found.schedules.get(source)
        if source in busy:
            then = f"Run {busy[source]} is at work on it now."
        elif tick is None:
            then = "Verdicts follow every scan and every SPDX sync: `pkgintel run` does all three."
        elif tick.enabled and not found.due(name):
            then = (
                f"Its schedule was enabled {ago(found.since(tick.changed_at))} and ticks next at "
                f"{minute(tick.next_tick)} UTC: `pkgintel schedule run-now {source}` fires it at once."
            )
        elif tick.enabled:
            then = "Its schedule is enabled, so something keeps it from succeeding: see the last runs."
        else:
            once = "`pkgintel schedule run-now texts`" if source is Source.TEXTS else "`pkgintel run`"
            then = f"Its schedule is stopped: `pkgintel schedule enable {source}`, or {once} once."
        sentences.append(f"{says} {then}")
    return sentences


def _dead(found: Facts) -> list[str]:
    """Processes that should run, for a schedule is enabled or work is waiting, and do not seem to."""
    enabled = {name: tick for name, tick in found.schedules.items() if tick.enabled}
    sentences = []
    silent = found.upkeep.age_seconds
    since = min((found.since(tick.changed_at) for tick in enabled.values()), default=0.0)
    if enabled and since > UPKEEP_SILENT and (silent is None or silent > UPKEEP_SILENT):
        when = "never came through" if silent is None else f"last came through {ago(silent)}"
        sentences.append(f"Upkeep, recorded every minute, {when}. {_START}.")
    else:
        sentences += [
            f"The {name} tick is {span(tick.late_seconds)} late. See that beat runs, or start it by hand: "
            f"`pkgintel schedule run-now {name}`."
            for name, tick in enabled.items()
            if tick.late_seconds > UPKEEP_SILENT
        ]
    return sentences + _unmanned(
        found, expected=bool(enabled or found.running) and not sentences, ticking=bool(enabled)
    )


def _unmanned(found: Facts, *, expected: bool, ticking: bool) -> list[str]:
    """No worker where work waits or is expected, or no Redis where ticks are."""
    if found.queues == UNKNOWN or found.workers == UNKNOWN:
        if found.redis_takes_no_writes:
            return [
                f"{found.crew_unknown_because}. Make room on its disk, or see PKGINTEL_REDIS_URL: no task can travel."
            ]
        if not ticking or found.crew_unknown_because in (None, NOT_ASKED.crew_unknown_because):
            return []
        return [f"{found.crew_unknown_because}. Start Redis, or see PKGINTEL_REDIS_URL: no task can travel."]
    waiting = sum(found.queues.values())
    if found.workers or not (waiting or expected):
        return []
    wait = f"{many(waiting, 'task')} {'is' if waiting == 1 else 'are'} waiting" if waiting else "nothing gets done"
    return [f"No worker answers, and {wait}. Start one: `celery -A pkgintel worker`."]


def notes(found: Facts) -> list[str]:
    """What is worth knowing and wakes nobody."""
    notes = [
        f"{check.message}." for check in found.checks if not (check.passed or check.blocking or check.is_freshness)
    ]
    notes += [_lock_wait(wait) for wait in found.lock_waits]
    notes += _strays(found.strays)
    if not any(tick.enabled for tick in found.schedules.values()):
        notes.append(
            "All schedules are stopped, so nothing runs by itself: `pkgintel schedule enable nuget` "
            "(and `spdx`, `texts`)."
        )
    return notes


def _strays(strays: Strays) -> list[str]:
    """The messages that were no tasks, and what they may mean."""
    if not strays.count:
        return []
    newest = [f" (the newest in {one.queue}, {minute(one.at)} UTC: {one.why})" for one in strays.newest[:1]]
    return [
        f"{many(strays.count, 'message')} in the queues {'was' if strays.count == 1 else 'were'} no task and set aside"
        f"{''.join(newest)}. `pkgintel status --json` shows more of them; see who else can write to Redis."
    ]


def _lock_wait(wait: LockWait) -> str:
    """Who waits for whom, since when, and what becomes of it."""
    held_by = " and ".join(
        f"session {one.pid} ({_of(one)}, {one.state or 'state unknown'} for {span(one.seconds or 0)})"
        for one in wait.held_by
    )
    return (
        f"Session {wait.pid} ({_of(wait)}) has waited for a lock of {held_by or 'a session that just ended'} for "
        f"{span(wait.seconds)}, since {minute(wait.since)} UTC. If that host is lost, its lock is free within a "
        "minute; `pg_terminate_backend` ends a session at once."
    )


def _of(session: LockWait | LockHolder) -> str:
    named = session.application or "no name"
    return f"{named} at {session.client}" if session.client else named
