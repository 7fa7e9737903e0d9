"""One scan of the catalog: what it is going to read, and how it ends. The pages in between are `page`'s.

A scan opens a run, plans its window from the stored watermark, and its pages become the header of one chord. It is
finished by rows, not by messages: only when no page is left undone does the watermark move.
"""

import logging
from dataclasses import dataclass

from pkgintel import database
from pkgintel.errors import CatalogMismatch, GateFailed, RunFailed, SettingsError
from pkgintel.nuget import instant, window
from pkgintel.nuget.documents import Index
from pkgintel.nuget.instant import TICKS_PER_SECOND, moment
from pkgintel.pipeline import checks, endings, gate, page_copy, pages, runs
from pkgintel.pipeline.pages import PagePlan, PagesLeft
from pkgintel.pipeline.runs import Run, RunPlan
from pkgintel.pipeline.states import Action, Source, State
from pkgintel.settings import NUGET_ORG, Settings
from pkgintel.text import many
from pkgintel.upstream import sources
from pkgintel.upstream.client import Client
from pkgintel.upstream.slots import Limit

log = logging.getLogger(__name__)

ONE_HOUR = 3600 * TICKS_PER_SECOND
# A scan with no more ahead of it reads their leaves at once, some ten seconds of work and less CPU; a longer one makes
# versions known first, so that verdicts do not wait for all of them.
FEW_ITEMS = 15_000
ITEMS_OF_A_PAGE = 2_750  # Where the index does not say how many there are.
ENDING = (State.RUNNING, State.BLOCKED)  # What a scan ends from: a blocked one is looked at again.
SAMPLE_KIND = "PkgintelSample"  # An @type of the sample's catalog index, whatever port it is served at.


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """A scan that may begin: its run, and the pages that become its header tasks (none, if all are done already)."""

    run_id: int
    pages: list[str]

    def __str__(self) -> str:
        return f"run {self.run_id}: {many(len(self.pages), 'page')} to read"


@dataclass(frozen=True, slots=True)
class ScanEnd:
    """How a scan ended. `more` says that the next one should start at once, of `pages_left` pages where that is set;
    `settled` that all that follows from it is through, `knows` that it read no leaves.
    """

    run_id: int
    state: State
    more: bool
    leaves: int = 0
    rejected: int = 0
    pages_left: int | None = None
    settled: bool = False
    knows: bool = False

    def __str__(self) -> str:
        if self.state is not State.DONE:
            return f"run {self.run_id} is {self.state}"
        more = "; more pages remain" if self.more else ""
        return f"run {self.run_id} is done: {many(self.leaves, 'leaf', 'leaves')}, {self.rejected} rejected{more}"


def name_of(index: Index, url: str) -> str:
    """What a database remembers its catalog by: the sample says what it is, any other is its address."""
    return "sample" if SAMPLE_KIND in index.kinds else url


def claim(conn: database.Connection, name: str) -> None:
    """The database belongs to the catalog that first fills it.

    Raises: CatalogMismatch when it belongs to another one.
    """
    database.run(conn, "events/claim", name=name)
    row = database.one(conn, "events/name")
    if row is None or row["name"] != name:
        held = row["name"] if row else "another catalog"
        raise CatalogMismatch(
            f"This database holds the catalog {held} and refuses {name}: two catalogs never share one database. "
            "Set PKGINTEL_DATABASE_URL to another database, or leave it unset to use the embedded one."
        )


def start_of_empty_database(settings: Settings, catalog: str, newest: int) -> int:
    """Where the first scan starts, in ticks: PKGINTEL_SINCE, else nuget.org an hour back and other catalogs whole.

    Raises: SettingsError when that is later than the `newest` commit, so that nothing would ever be read.
    """
    if settings.since is not None:
        if window.BEGINNING < newest < settings.since:
            raise SettingsError(
                f"PKGINTEL_SINCE (--since) is {instant.timestamp(settings.since)}, and the newest commit of the "
                f"catalog is of {instant.timestamp(newest)}: nothing would be read. Say an earlier time."
            )
        return settings.since
    return newest - ONE_HOUR if catalog == NUGET_ORG else window.BEGINNING


def require_start(settings: Settings, index: Index) -> None:
    """Raises: SettingsError when an empty database would start after the newest commit of `index`."""
    start_of_empty_database(settings, name_of(index, settings.service_index_url), _newest(index))


def plan(
    conn: database.Connection,
    settings: Settings,
    client: Client,
    run_id: int,
    max_pages: int | None = None,
    limit: Limit | None = None,
) -> ScanPlan | None:
    """Read the index and lay down the pages of run `run_id`; None when there is nothing newer (the run is caught up).

    At most `max_pages` are read by this scan and those that continue it.
    A run that was planned already (its task was sent again) keeps its plan.
    Raises: UpstreamUnavailable, UpstreamChanged, CatalogMismatch; SettingsError when it would start after the newest
    commit; GateFailed when the stored watermark lies in the future, or nothing is new and the gate is closed.
    """
    run = runs.require(conn, run_id)
    if run.state is not State.RUNNING:
        raise RunFailed(f"Run {run_id} is no longer running, so it is not planned again.")
    if run.pages_total:
        return ScanPlan(run_id, pages.pending(conn, run_id))
    gate.require(conn, settings, checks.PACKAGES, checks.WATERMARK_CHECK, run_id)
    address = sources.discover(client, settings.service_index_url, limit)
    index = sources.fetch_index(client, address, limit)
    page_copy.require_whole(conn, index, address.index_url)
    claim(conn, name_of(index, settings.service_index_url))
    chosen = _choose(conn, settings, index, run.root_id, max_pages)
    if chosen is None:
        _catch_up(conn, settings, run_id, index)
        return None
    left = None if max_pages is None else max_pages - len(chosen.pages)
    what = RunPlan(
        address,
        after=chosen.after,
        floor=chosen.floor,
        up_to=chosen.up_to,
        newest=chosen.newest,
        more=chosen.more,
        pages_left=left,
        knows=_knows_first(conn, settings, run, index, chosen.after, max_pages),
    )
    return _lay_down(conn, run_id, what, chosen)


def _knows_first(
    conn: database.Connection, settings: Settings, run: Run, index: Index, after: int, max_pages: int | None
) -> bool:
    """Whether a scan makes versions known before it reads leaves: as its chain does, or because much lies ahead.

    An empty database that is to hold only what speaks never reads anything else, however little there is.
    """
    root = runs.get(conn, run.root_id) if run.root_id is not None else None
    if root is not None:
        return root.knows
    if settings.read == "speaking" and database.one(conn, "events/watermark", source=Source.NUGET) is None:
        return True
    ahead = sorted((page for page in index.pages if page.commit > after), key=lambda page: page.commit)
    return sum(page.count or ITEMS_OF_A_PAGE for page in ahead[:max_pages]) > FEW_ITEMS


def _choose(
    conn: database.Connection, settings: Settings, index: Index, root_id: int | None, max_pages: int | None
) -> window.Plan | None:
    """The window of the scan and the pages in it, from the index and what is stored; None when it is caught up."""
    stored = database.one(conn, "events/watermark", source=Source.NUGET)
    name = name_of(index, settings.service_index_url)
    watermark = stored["watermark_ticks"] if stored else None
    origin = stored["origin_ticks"] if stored else start_of_empty_database(settings, name, _newest(index))
    overlap = int(settings.overlap * TICKS_PER_SECOND)
    behind = window.overlapped(watermark, origin, overlap)
    return window.plan(
        index,
        watermark=watermark,
        origin=origin,
        overlap=overlap,
        limit=min(settings.pages_per_scan, max_pages or settings.pages_per_scan),
        read=pages.read(conn, root_id, behind) if root_id is not None else (),
        grown=pages.grown(conn),
    )


def _newest(index: Index) -> int:
    return max((page.commit for page in index.pages), default=window.BEGINNING)


def _catch_up(conn: database.Connection, settings: Settings, run_id: int, index: Index) -> None:
    note = "nothing is newer than the watermark"
    if settings.since is not None and database.one(conn, "events/watermark", source=Source.NUGET):
        note += "; PKGINTEL_SINCE is ignored, for a watermark is stored (to read again: pkgintel reprocess)"
    with conn.transaction():
        runs.end(conn, run_id, State.CAUGHT_UP, newest_commit=str(moment(_newest(index))), note=note)
        # While it is not certain who speaks, what is known is read first, and has a gate behind it.
        unread = database.the(conn, "reading/wanted")["speakers"]
        failure = None if unread else gate.look(conn, settings, checks.PACKAGES, run_id)
    if failure:
        raise failure


def _lay_down(conn: database.Connection, run_id: int, what: RunPlan, chosen: window.Plan) -> ScanPlan:
    """Write the plan with its pages; those that a scan over the same window has done, which ended badly, stay done."""
    with conn.transaction():
        runs.plan(conn, run_id, what, len(chosen.pages))
        pages.add(conn, run_id, [PagePlan(page.url, page.commit, page.count) for page in chosen.pages])
        carried = pages.carry(conn, run_id, after=what.after, floor=what.floor)
    if carried:
        log.info("run %s: %s of its pages were done by a scan that ended badly", run_id, carried)
    return ScanPlan(run_id, pages.pending(conn, run_id))


def finish(conn: database.Connection, settings: Settings, run_id: int) -> ScanEnd:
    """Close run `run_id` and move the watermark, in one transaction, if every page of it is done.

    Safe to repeat: a run that was closed before is reported as it stands, and a blocked one is looked at again. With
    pages still pending it stays running.
    Raises: RunFailed when a page failed; GateFailed when too many leaves were rejected (the run is then blocked).
    """
    with conn.transaction():
        runs.lock(conn, run_id)
        run = runs.require(conn, run_id)
        if run.state not in ENDING:
            return _ended(run)
        if run.action is not Action.SCAN or run.up_to_ticks is None:
            return _look_again(conn, settings, run)
        left = pages.left(conn, run_id)
        if left.pending and not left.failed:
            return ScanEnd(run_id, State.RUNNING, more=False)
        failure = _end(conn, settings, run, left)
    if failure:
        raise failure
    return _ended(runs.require(conn, run_id))


def _look_again(conn: database.Connection, settings: Settings, run: Run) -> ScanEnd:
    """A run that has no pages: one that was caught up behind a closed gate is caught up again when that is open."""
    if run.state is State.BLOCKED and gate.is_open(conn, settings, checks.PACKAGES):
        runs.end(conn, run.id, State.CAUGHT_UP, was=(State.BLOCKED,))
    return ScanEnd(run.id, runs.require(conn, run.id).state, more=False)


def _ended(run: Run) -> ScanEnd:
    more = run.more and run.pages_left != 0
    return ScanEnd(run.id, run.state, more, run.leaves, run.rejected, run.pages_left, run.settled, run.knows)


def _end(conn: database.Connection, settings: Settings, run: Run, left: PagesLeft) -> RunFailed | GateFailed | None:
    """Write how the run ends; the error to raise once that is committed."""
    failure = endings.end_badly(conn, settings, run, left, remark=" The watermark stays.")
    if failure:
        return failure
    if not _move_watermark(conn, run):
        error = "the watermark moved while this run was under way; what it stored stays, and the next scan goes on"
        runs.end(conn, run.id, State.FAILED, error=error, was=ENDING)
        return RunFailed(f"Run {run.id}: {error}.")
    runs.end(conn, run.id, State.DONE, settled=False, was=ENDING)
    return None


def _move_watermark(conn: database.Connection, run: Run) -> bool:
    """Compare and swap. A scan that only listed the overlap again has nothing to move, nor has one that another passed.

    Beside a running scan, only one that was blocked moves the watermark, and never back: what lies before is read.
    Since a run was blocked, it may also have been brought back, so the watermark has to stand where that began.
    """
    stored = database.one(conn, "events/watermark", source=Source.NUGET)
    read = run.plan
    if stored and stored["watermark_ticks"] >= read.up_to:
        return True
    latest = read.after if run.state is State.BLOCKED else read.up_to
    facts = {"source": Source.NUGET, "after": read.after, "latest": latest, "up_to": read.up_to}
    return bool(database.run(conn, "events/move_watermark", **facts))


def fail(conn: database.Connection, run_id: int, error: str, tries: int) -> Run:
    """The chord of run `run_id` broke: the run as it stands now.

    Failed when a page did, or was begun more than `tries` times; its first page's error says why. Lost when no page
    failed, so that the work goes on in a new run. Still running when every page is done: its callback is missing.
    Raises: RunFailed when there is no such run.
    """
    left = pages.left(conn, run_id)
    count = many(left.failed + left.pending, "page")
    if left.first_error:
        error = f"{count} not done, first {left.first_error}"
    if left.first_error or left.attempts > tries:
        runs.end(conn, run_id, State.FAILED, error=error)
    elif left.failed or left.pending:
        runs.end(conn, run_id, State.LOST, error=f"{count} not done, though none failed: {error}")
    return runs.require(conn, run_id)
