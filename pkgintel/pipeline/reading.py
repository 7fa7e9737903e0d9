"""Runs that read what is known and unread: the leaves that decide who speaks, in rounds, and then the rest.

Like a scan such a run is opened, laid down as pages that become the header of one chord, and finished by rows. What is
left to be read is found by a query each time.
"""

from dataclasses import dataclass

from pkgintel import database
from pkgintel.errors import AlreadyRunning, GateFailed, RunFailed
from pkgintel.nuget import window
from pkgintel.pipeline import endings, pages, runs, unread
from pkgintel.pipeline.pages import RangePlan
from pkgintel.pipeline.runs import Run, RunPlan
from pkgintel.pipeline.scan import ENDING, ScanPlan
from pkgintel.pipeline.states import Action, Kind, PageKind, Source, State
from pkgintel.settings import Settings
from pkgintel.text import many
from pkgintel.upstream import sources
from pkgintel.upstream.client import Client
from pkgintel.upstream.slots import Limit

PACKAGES = 500  # Of one page of a round, and so of one transaction.
BLOCKS = 32  # Of one page of the rest: some thousand leaves.
REST_PAGES = 40  # Of one run of the rest, which is half a minute of reading.
LEAST_PAGES = 16  # Of a run that has as many packages or blocks, so that every worker has some.
LOOKED_AT = 4096  # Blocks at once, to find the last one that is not empty.


@dataclass(frozen=True, slots=True)
class Wanted:
    """What there is to read: whether a speaker is uncertain, and whether the rest is to be read too."""

    speakers: bool
    rest: bool

    def __bool__(self) -> bool:
        return self.speakers or self.rest


@dataclass(frozen=True, slots=True)
class ReadEnd:
    """How a run that reads leaves ended; `rest` says that it read those that do not decide who speaks."""

    run_id: int
    state: State
    rest: bool
    settled: bool
    leaves: int = 0
    rejected: int = 0

    def __str__(self) -> str:
        if self.state is not State.DONE:
            return f"run {self.run_id} is {self.state}"
        return f"run {self.run_id} is done: {many(self.leaves, 'leaf', 'leaves')}, {self.rejected} rejected"


def wanted(conn: database.Connection, settings: Settings) -> Wanted:
    """What is to be read now, as far as `PKGINTEL_READ` asks for it."""
    row = database.the(conn, "reading/wanted")
    return Wanted(row["speakers"], row["rest"] and settings.read == "all")


def is_running(conn: database.Connection) -> bool:
    """Whether leaves are being read."""
    return bool(database.the(conn, "reading/running")["running"])


def begin(conn: database.Connection, settings: Settings, cause_id: int | None, task_id: str) -> int | None:
    """Open a run that reads leaves, unless there is nothing to read or another one reads: its id, or None.

    One that takes over what ended badly opens even where nothing is left to read, for what follows has not come yet.
    """
    cause = runs.get(conn, cause_id) if cause_id is not None else None
    takes_over = cause is not None and cause.action is Action.READ and not cause.state.good
    if not takes_over and not wanted(conn, settings):
        return None
    try:
        return open_run(conn, cause_id, task_id)
    except AlreadyRunning:
        return None


def open_run(conn: database.Connection, cause_id: int | None, task_id: str | None = None) -> int:
    """Open a run that reads leaves behind the run `cause_id`, of whose kind it is; its id.

    Raises: AlreadyRunning while leaves are being read.
    """
    cause = runs.get(conn, cause_id) if cause_id is not None else None
    kind = cause.kind if cause else Kind.MANUAL
    return runs.open_run(conn, Source.NUGET, Action.READ, kind, task_id=task_id, cause_id=cause.id if cause else None)


def plan(
    conn: database.Connection, settings: Settings, client: Client, run_id: int, limit: Limit | None = None
) -> ScanPlan:
    """Lay down the pages of run `run_id`: of a round while a speaker is uncertain, else of the rest.

    A run that was planned already keeps its plan. The run that it follows is settled by that, where all that follows
    from it follows from this one.
    Raises: RunFailed; UpstreamUnavailable, UpstreamChanged.
    """
    run = runs.require(conn, run_id)
    if run.state is not State.RUNNING:
        raise RunFailed(f"Run {run_id} is no longer running, so it is not planned again.")
    if run.pages_total:
        return ScanPlan(run_id, pages.pending(conn, run_id))
    address = sources.discover(client, settings.service_index_url, limit)
    stored = database.one(conn, "events/watermark", source=Source.NUGET)
    up_to = stored["watermark_ticks"] if stored else window.BEGINNING
    left = wanted(conn, settings)
    rest = left.rest and not left.speakers
    plans = rest_pages(conn) if rest else speaker_pages(conn, settings)
    with conn.transaction():
        what = RunPlan(address, after=up_to, floor=window.BEGINNING, up_to=up_to, rest=rest)
        runs.plan(conn, run_id, what, len(plans))
        pages.add_ranges(conn, run_id, plans)
        cause = runs.get(conn, run.cause_id) if run.cause_id is not None else None
        if not rest:
            runs.number(conn, run_id, run.cause_id)
        if cause is not None and (cause.rest or not rest):
            runs.settle(conn, cause.id)
    return ScanPlan(run_id, [one.name for one in plans])


def speaker_pages(conn: database.Connection, settings: Settings) -> list[RangePlan]:
    """The pages of a round: ranges of packages whose speaker is uncertain, small enough to be shared out."""
    count = database.the(conn, "reading/uncertain", most=PACKAGES * LEAST_PAGES)["packages"]
    size = min(PACKAGES, max(1, -(-count // LEAST_PAGES)))  # The last rounds read many leaves of few packages.
    rows = database.every(conn, "reading/speaker_ranges", size=size, most=settings.pages_per_scan)
    return [
        RangePlan(row["start"] or unread.FIRST, row["stop"], place, PageKind.SPEAKERS) for place, row in enumerate(rows)
    ]


def rest_pages(conn: database.Connection) -> list[RangePlan]:
    """The pages of a run that reads the rest: ranges of blocks, the newest first."""
    stop = database.the(conn, "reading/blocks")["blocks"]
    while stop > 0:  # What was read leaves empty blocks behind, until they are vacuumed.
        start = max(0, stop - LOOKED_AT)
        last = database.the(conn, "reading/last_block", start=start, stop=stop)["block"]
        if last is not None:
            size = min(BLOCKS, -(-(last + 1) // LEAST_PAGES))
            return [
                RangePlan(str(max(0, end - size)), str(end), place, PageKind.REST)
                for place, end in enumerate(range(last + 1, 0, -size)[:REST_PAGES])
            ]
        stop = start
    return []


def finish(conn: database.Connection, settings: Settings, run_id: int) -> ReadEnd:
    """Close run `run_id` if every page of it is done. Safe to repeat, as `scan.finish` is.

    Raises: RunFailed when a page failed; GateFailed when too many leaves were rejected (the run is then blocked).
    """
    with conn.transaction():
        runs.lock(conn, run_id)
        run = runs.require(conn, run_id)
        if run.state not in ENDING or run.action is not Action.READ:
            return _ended(run)
        left = pages.left(conn, run_id)
        if left.pending and not left.failed:
            return _ended(run)
        failure = _end(conn, settings, run, left)
    if failure:
        raise failure
    return _ended(runs.require(conn, run_id))


def _ended(run: Run) -> ReadEnd:
    return ReadEnd(run.id, run.state, run.rest, run.settled, run.leaves, run.rejected)


def _end(
    conn: database.Connection, settings: Settings, run: Run, left: pages.PagesLeft
) -> RunFailed | GateFailed | None:
    """Write how the run ends; the error to raise once that is committed."""
    failure = endings.end_badly(conn, settings, run, left)
    if failure:
        return failure
    runs.end(conn, run.id, State.DONE, settled=False, was=ENDING)
    if wanted(conn, settings):
        runs.announce(conn, run.id)
    return None
