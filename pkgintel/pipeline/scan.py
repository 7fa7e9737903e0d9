"""One scan of the catalog: what it is going to read, and how it ends. The pages in between are `page`'s.

A scan opens a run, plans its window from the stored watermark, and its pages become the header of one chord. It is
finished by rows, not by messages: only when no page is left undone does the watermark move.
"""

import logging
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from pkgintel import database
from pkgintel.database import events
from pkgintel.errors import CatalogMismatch, GateFailed, RunFailed
from pkgintel.nuget import window
from pkgintel.nuget.documents import Index
from pkgintel.nuget.instant import TICKS_PER_SECOND, moment
from pkgintel.pipeline import checks, gate, runs
from pkgintel.settings import NUGET_ORG, Settings
from pkgintel.text import many
from pkgintel.upstream import sources
from pkgintel.upstream.client import Gauge, Wire
from pkgintel.upstream.origins import CatalogAddress

log = logging.getLogger(__name__)

TRIES = 4  # Of a task after its first one, beyond the tries of each request inside it.
ONE_HOUR = 3600 * TICKS_PER_SECOND
SAMPLE_KIND = "PkgintelSample"  # An @type of the sample's catalog index, whatever port it is served at.


@dataclass(frozen=True, slots=True)
class Opened:
    """A scan that may begin: its run, and the pages that become its header tasks (none, if all are done already)."""

    run_id: int
    pages: list[str]


@dataclass(frozen=True, slots=True)
class Finished:
    """How a scan ended. `more` says that the next one should start at once, of `pages_left` pages where that is set."""

    run_id: int
    state: str
    more: bool
    leaves: int = 0
    rejected: int = 0
    pages_left: int | None = None


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
    """Where the first scan starts, in ticks: PKGINTEL_SINCE, else nuget.org an hour back and other catalogs whole."""
    if settings.since is not None:
        return settings.since
    return newest - ONE_HOUR if catalog == NUGET_ORG else window.BEGINNING


def open_run(
    conn: database.Connection,
    settings: Settings,
    kind: runs.Kind,
    task_id: str | None = None,
    root_id: int | None = None,
    cause_id: int | None = None,
) -> tuple[int | None, str]:
    """The run of this scan, or None with the reason why another one stands in its way (recorded as skipped)."""
    free_lost(conn, settings)
    return runs.begin(conn, "nuget", "scan", kind, task_id=task_id, root_id=root_id, cause_id=cause_id)


def free_lost(conn: database.Connection, settings: Settings) -> list[database.Row]:
    """Close every run without a sign of life for `lost_after` seconds, unless only its callback is missing."""
    freed = []
    for row in database.every(conn, "runs/lost", lost_after=settings.lost_after):
        if row["all_done"] and row["sends"] < 3:
            continue
        error = f"no sign of life for {row['silent']:.0f} s: its worker, broker or callback is gone"
        if runs.close(conn, row["id"], "lost", error=error):
            log.warning("run %s of %s is lost: %s", row["id"], row["source"], error)
            freed.append(row)
    return freed


def plan(
    conn: database.Connection,
    settings: Settings,
    wire: Wire,
    run_id: int,
    max_pages: int | None = None,
    gauge: Gauge | None = None,
) -> Opened | None:
    """Read the index and lay down the pages of run `run_id`; None when there is nothing newer (the run is caught up).

    At most `max_pages` are read by this scan and those that continue it.
    A run that was planned already (its task was sent again) keeps its plan.
    Raises: UpstreamUnavailable, UpstreamChanged, CatalogMismatch; GateFailed when the stored watermark
    lies in the future.
    """
    run = database.one(conn, "runs/get", id=run_id)
    if run is None or run["state"] != "running":
        raise RunFailed(f"Run {run_id} is no longer running, so it is not planned again.")
    if run["pages_total"]:
        return Opened(run_id, pages_of(conn, run_id))
    gate.require(conn, settings, checks.PACKAGES, checks.WATERMARK_CHECK, run_id)
    address = sources.discover(wire, settings.service_index_url, gauge)
    index = sources.fetch_index(wire, address, gauge)
    name = name_of(index, settings.service_index_url)
    claim(conn, name)
    stored = database.one(conn, "events/watermark", source="nuget")
    root_id = run["root_id"]
    read = {(row["page_url"], row["page_ticks"]) for row in database.every(conn, "runs/pages_read", root_id=root_id)}
    newest = max((page.commit for page in index.pages), default=window.BEGINNING)
    planned = window.plan(
        index,
        watermark=stored["watermark_ticks"] if stored else None,
        origin=stored["origin_ticks"] if stored else start_of_empty_database(settings, name, newest),
        overlap=int(settings.overlap * TICKS_PER_SECOND),
        limit=min(settings.pages_per_scan, max_pages or settings.pages_per_scan),
        read=read if root_id is not None else (),
        grown={row["page_url"] for row in database.every(conn, "runs/pages_grown")},
    )
    if planned is None:
        note = "nothing is newer than the watermark"
        if stored and settings.since is not None:
            note += "; PKGINTEL_SINCE is ignored, for a watermark is stored (to read again: pkgintel reprocess)"
        runs.close(conn, run_id, "caught_up", newest_commit=str(moment(newest)), note=note)
        return None
    with conn.transaction():
        database.run(
            conn,
            "runs/plan",
            id=run_id,
            after=planned.after,
            floor=planned.floor,
            up_to=planned.up_to,
            newest=planned.newest,
            more=planned.more,
            pages_left=None if max_pages is None else max_pages - len(planned.pages),
            catalog=Jsonb(
                {"index_url": address.index_url, "origins": sorted(address.origins), "public": address.public}
            ),
            pages_total=len(planned.pages),
        )
        database.run(
            conn,
            "runs/add_pages",
            run_id=run_id,
            urls=[page.url for page in planned.pages],
            ticks=[page.commit for page in planned.pages],
            counts=[page.count for page in planned.pages],
        )
        carried = database.run(conn, "runs/carry_pages", run_id=run_id, after=planned.after, floor=planned.floor)
    if carried:
        log.info("run %s: %s of its pages were done by a scan that ended badly", run_id, carried)
    return Opened(run_id, pages_of(conn, run_id))


def pages_of(conn: database.Connection, run_id: int) -> list[str]:
    """The pages of a run that are still to do, oldest first."""
    return [row["page_url"] for row in database.every(conn, "runs/pages_undone", run_id=run_id)]


def finish(conn: database.Connection, settings: Settings, run_id: int) -> Finished:
    """Close run `run_id` and move the watermark, in one transaction, if every page of it is done.

    Safe to repeat: a run that was closed before is reported as it stands, and a blocked one is looked at again. With
    pages still pending it stays running.
    Raises: RunFailed when a page failed; GateFailed when too many leaves were rejected (the run is then blocked).
    """
    with conn.transaction():
        run = database.one(conn, "runs/get_locked", id=run_id)
        if run is None:
            raise RunFailed(f"There is no run {run_id}.")
        if run["state"] not in ("running", "blocked"):
            return _finished(run)
        if run["action"] != "scan" or run["up_to_ticks"] is None:
            return Finished(run_id, run["state"], more=False)
        undone = database.the(conn, "runs/undone", run_id=run_id)
        if undone["pending"] and not undone["failed"]:
            return Finished(run_id, "running", more=False)
        failure = _end(conn, settings, run, undone)
    if failure:
        raise failure
    return _finished(database.the(conn, "runs/get", id=run_id))


def _finished(run: database.Row) -> Finished:
    left = run["pages_left"]
    return Finished(run["id"], run["state"], run["more"] and left != 0, run["leaves"], run["rejected"], left)


def _end(
    conn: database.Connection, settings: Settings, run: database.Row, undone: database.Row
) -> RunFailed | GateFailed | None:
    """Write how the run ends; the error to raise once that is committed."""
    if undone["failed"]:
        error = f"{undone['failed']} of {run['pages_total']} pages failed, first {undone['first_error']}"
        runs.close(conn, run["id"], "failed", error=error)
        return RunFailed(f"Run {run['id']}: {error}")
    events.resolve_superseded(conn)
    counts = database.the(conn, "runs/rejected", run_id=run["id"])
    limit = checks.reject_limit(counts["rejected"], counts["leaves"], settings.reject_limit)
    gate.record(conn, [limit], run["id"])
    if not limit.passed:
        error = f"Gate {limit.gate} is closed. {limit.message}. The watermark stays."
        runs.close(conn, run["id"], "blocked", error=error)
        return GateFailed(error)
    if not _move_watermark(conn, run):
        error = "the watermark moved while this run was under way; what it stored stays, and the next scan goes on"
        runs.close(conn, run["id"], "failed", error=error, from_states=("running", "blocked"))
        return RunFailed(f"Run {run['id']}: {error}.")
    runs.close(conn, run["id"], "done", settled=False, from_states=("running", "blocked"))
    return None


def _move_watermark(conn: database.Connection, run: database.Row) -> bool:
    """Compare and swap; a scan that only listed the overlap again has nothing to move."""
    stored = database.one(conn, "events/watermark", source="nuget")
    if stored and stored["watermark_ticks"] >= run["up_to_ticks"]:
        return bool(stored["watermark_ticks"] == run["after_ticks"] or run["state"] == "blocked")
    return bool(
        database.run(conn, "events/move_watermark", source="nuget", after=run["after_ticks"], up_to=run["up_to_ticks"])
    )


def fail(conn: database.Connection, run_id: int, error: str) -> str:
    """The chord of run `run_id` broke: the state the run is in now.

    Failed when a page did, or was begun more often than it may be; its first page's error tells why. Lost when no page
    failed, so that the work goes on in a new run. Still running when every page is done: its callback is missing.
    """
    undone = database.the(conn, "runs/undone", run_id=run_id)
    left = undone["failed"] + undone["pending"]
    if undone["first_error"]:
        error = f"{many(left, 'page')} not done, first {undone['first_error']}"
    if undone["first_error"] or undone["attempts"] > TRIES:
        runs.close(conn, run_id, "failed", error=error)
    elif left:
        runs.close(conn, run_id, "lost", error=f"{many(left, 'page')} not done, though none failed: {error}")
    return str((database.one(conn, "runs/get", id=run_id) or {"state": "gone"})["state"])


def address_of(run: database.Row) -> CatalogAddress:
    """Where the catalog of a run was found."""
    found = run["catalog"]
    return CatalogAddress(found["index_url"], frozenset(found["origins"]), found["public"])
