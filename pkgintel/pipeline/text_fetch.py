"""Reading license files of one host: one after the other, each kept as soon as it is there, until the host has enough.

What a run has looked at it does not ask for again, so a task that is delivered twice, or again after a crash, goes on
where it stood.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from pkgintel import database
from pkgintel.errors import RunFailed, TryLater, UpstreamChanged
from pkgintel.pipeline import heartbeats, pages, runs, text_sources
from pkgintel.pipeline.pages import PagesLeft
from pkgintel.pipeline.runs import Run
from pkgintel.pipeline.states import Action, State
from pkgintel.pipeline.text_sources import PACKAGES, FileSource, SourceLeft, VersionSource
from pkgintel.settings import Settings, places_of
from pkgintel.text import many
from pkgintel.upstream import feeds, files, nupkg, sources
from pkgintel.upstream.client import Client
from pkgintel.upstream.files import Look, Manners
from pkgintel.upstream.origins import CatalogAddress
from pkgintel.upstream.slots import Limit

log = logging.getLogger(__name__)

PACE = 1.0  # Seconds between two requests to a code host.
MOST_TROUBLE = 5  # Looks in a row that end in trouble, after which a host is left alone.
MOST_SECONDS = 1_200.0  # Of one task; what is left is asked for by the next run.


@dataclass(frozen=True, slots=True)
class HostResult:
    """What became of one host: how many files were asked for, and why it ended before all were."""

    asked: int = 0
    note: str = ""

    def __str__(self) -> str:
        return f"{many(self.asked, 'license file')} asked for" + (f"; {self.note}" if self.note else "")


def fetch_host(
    db: database.Database,
    settings: Settings,
    client: Client,
    limit: Limit,
    run_id: int,
    host: str,
    *,
    progress: Callable[[str], None] = lambda _text: None,
) -> HostResult:
    """Ask `host` for the files of run `run_id`, the most wanted first.

    A host that asks for quiet, or is out, is left alone for as long as it says, or half an hour; the others go on.
    Raises: UpstreamUnavailable and psycopg.OperationalError (try again), UpstreamChanged.
    """
    with db.connection() as conn:
        if pages.start(conn, run_id, host, heartbeats.interval(settings.lost_after)) is None:
            return HostResult(note=pages.why_not_started(conn, run_id))
        left = text_sources.left(conn, run_id, host)
    with heartbeats.pulse(db, run_id, settings.lost_after, given=True):
        result = _ask_all(_Host(db, settings, client, limit, run_id, host), left, progress)
        with db.connection() as conn, conn.transaction():
            pages.finish(conn, run_id, host, items=len(left), leaves=result.asked, rejected=0, newest=None)
    return result


class _Host:
    """How the files of one host are asked for and kept."""

    def __init__(
        self, db: database.Database, settings: Settings, client: Client, limit: Limit, run_id: int, host: str
    ) -> None:
        self._db, self._client, self._limit, self._settings = db, client, limit, settings
        self.run_id, self.host = run_id, host
        self._places = places_of(settings.text_origins)
        # A place that an operator chose is nobody's code host, so nobody there has to be spared.
        self.pace = 0.0 if host == PACKAGES or f"https://{host}" in self._places else PACE

    def look(self, source: FileSource | VersionSource) -> Look:
        """Ask for one file. Raises: UpstreamUnavailable, ServiceUnavailable, UpstreamChanged."""
        if isinstance(source, VersionSource):
            return self._look_inside(source)
        token = self._settings.github_token
        manners = Manners(files.code_host(source.url), self._limit, places=self._places, token=token)
        return files.look(self._client, source.url, manners, source.etag)

    def _look_inside(self, source: VersionSource) -> Look:
        """Ask for the file as it lies beside its package; where it does not, look for it in the package."""
        address, base = self._base
        folder = feeds.folder(base, *source.key)
        manners = Manners(address.allows, self._limit, public=address.public, places=self._places)
        found = files.look(self._client, f"{folder}license", manners, source.etag)
        if found.outcome != "missing" or not source.license_file:
            return found
        package = feeds.package(base, *source.key)
        return replace(nupkg.look(self._client, package, source.license_file, manners), asked=found.asked)

    @cached_property
    def _base(self) -> tuple[CatalogAddress, str]:
        """Where the source of the catalog keeps its packages. Raises: UpstreamUnavailable, UpstreamChanged."""
        url = self._settings.service_index_url
        if (found := sources.package_base(self._client, url)) is None:
            raise UpstreamChanged(f"{url} names no {sources.PACKAGE_BASE} any more")
        return found

    def keep(self, source: SourceLeft, look: Look) -> bool:
        """Keep what a look found; whether the run still runs."""
        with self._db.connection() as conn:
            text_sources.see(conn, self.run_id, source, look)
            if look.pause is not None:
                self.pause(look.pause, look.error or look.outcome)
            run = runs.get(conn, self.run_id)
            return run is not None and run.state is State.RUNNING

    def pause(self, seconds: float, why: str) -> None:
        """Leave the host alone for some time."""
        log.warning("%s is left alone for %.0f s: %s", self.host, seconds, why)
        with self._db.connection() as conn:
            text_sources.pause(conn, self.host, seconds, why)


def _ask_all(host: _Host, left: list[FileSource | VersionSource], progress: Callable[[str], None]) -> HostResult:
    begun, troubles = time.monotonic(), 0
    for number, source in enumerate(left):
        if number:
            time.sleep(host.pace)
        try:
            look = host.look(source)
        except TryLater as error:  # The whole fleet leaves this host alone.
            host.pause(error.retry_after, str(error))
            return HostResult(number, "its host asked for quiet")
        going_on = host.keep(source, look)
        progress(f"{host.host}: {number + 1} of {many(len(left), 'license file')}")
        if look.pause is not None:
            return HostResult(number + 1, "its host asked for quiet")
        if not going_on:
            return HostResult(number + 1, "the run was ended")
        troubles = troubles + 1 if look.outcome == "trouble" else 0
        if troubles >= MOST_TROUBLE:
            host.pause(files.PAUSE, f"it did not answer {troubles} times in a row, last: {look.error}")
            return HostResult(number + 1, "its host does not answer")
        if time.monotonic() - begun > MOST_SECONDS:
            return HostResult(number + 1, "the next run goes on")
    return HostResult(len(left))


def finish(conn: database.Connection, run_id: int) -> Run:
    """Close run `run_id` when every host of it is done; the run as it stands then. Safe to repeat.

    Raises: RunFailed when a host failed.
    """
    with conn.transaction():
        runs.lock(conn, run_id)
        run = runs.require(conn, run_id)
        left = pages.left(conn, run_id)
        if run.state is not State.RUNNING or run.action is not Action.FETCH or (left.pending and not left.failed):
            return run
        error = _failure(left, run)
        state = State.FAILED if error else State.DONE
        runs.end(conn, run_id, state, error=error, settled=bool(error), looks=text_sources.outcomes(conn, run_id))
    if error:
        raise RunFailed(f"Run {run_id}: {error}")
    return runs.require(conn, run_id)


def _failure(left: PagesLeft, run: Run) -> str | None:
    return f"{left.failed} of {run.pages_total} hosts failed, first {left.first_error}" if left.failed else None
