"""One page of the catalog, from its address to the tables: one unit that is done wholly or not at all.

It is read (what it holds), decided (which leaves are missing, and what they are) and written. A connection is taken
from the pool for the questions of a step and given back before anything is fetched; only heartbeat and progress take
one meanwhile. A share of the limit of requests is leased only for a page that there is something to do of. The
transaction that writes the page also marks it done, so a page that is delivered twice, or again after a crash, is
written once.
"""

import logging
from collections.abc import Callable
from contextlib import suppress

import psycopg

from pkgintel import database
from pkgintel.errors import PkgintelError
from pkgintel.pipeline import heartbeats, odd_items, page_items, page_leaves, page_write, pages
from pkgintel.pipeline.page_items import Source
from pkgintel.pipeline.page_write import PageResult
from pkgintel.pipeline.states import PageKind
from pkgintel.settings import Settings
from pkgintel.text import many
from pkgintel.upstream.client import Client
from pkgintel.upstream.slots import Leasing

log = logging.getLogger(__name__)


def store_page(
    db: database.Database,
    settings: Settings,
    client: Client,
    leasing: Leasing,
    run_id: int,
    page_url: str,
    *,
    progress: Callable[[str], None] = lambda _text: None,
) -> PageResult:
    """Fetch page `page_url` of run `run_id` and store what of it lies in the run's window.

    Its requests go under the share of the limit that `leasing` gives for their server.
    Raises: UpstreamUnavailable and psycopg.OperationalError (try again), UpstreamChanged (the page broke its shape).
    """
    with db.connection() as conn:
        start = pages.start(conn, run_id, page_url, heartbeats.interval(settings.lost_after))
        if start is None:
            return PageResult(note=pages.why_not_started(conn, run_id))
        odd = odd_items.known(conn, page_url) if start.odd else {}

    fetched = shown(db, run_id, page_url, progress)
    run, catalog = start.run, start.run.plan.catalog
    server = page_url if start.kind is PageKind.CATALOG else catalog.index_url  # A package's key is no address.
    with heartbeats.pulse(db, run_id, settings.lost_after, given=True), leasing(server) as limit:
        source = Source(db, client, catalog, limit)
        content = page_items.read(source, run, page_url, start, odd)
        if run.knows:
            leaves = page_leaves.announced(source, run, content)
        else:
            leaves = page_leaves.bring(source, run, start.kind, content, fetched)
        with db.connection() as conn:
            return page_write.write(conn, client, run_id, page_url, start.kind, leaves)


def shown(
    db: database.Database, run_id: int, page_url: str, progress: Callable[[str], None]
) -> Callable[[int, int], None]:
    """A function of how many leaves are fetched and how many are wanted, which shows and keeps both."""

    def fetched(count: int, total: int) -> None:
        progress(f"{page_url.rpartition('/')[2]}: {count} of {many(total, 'leaf', 'leaves')}")
        if count == total:
            return  # What is written next says so, with the leaves themselves.
        with suppress(psycopg.Error, PkgintelError), db.connection() as conn:
            pages.progress(conn, run_id, page_url, wanted=total, fetched=count)

    return fetched


def record_failure(db: database.Database, run_id: int, page_url: str, error: Exception, *, final: bool) -> None:
    """Write down why a page is not done; `final` says that it will not be tried again in this run.

    Where even that fails the log has it, and the run's missing heartbeat shows it.
    """
    words = f"{type(error).__name__}: {error}"
    try:
        with db.connection() as conn:
            pages.fail(conn, run_id, page_url, words[:2000], final=final)
    except (psycopg.Error, PkgintelError) as trouble:
        log.warning("%s was not recorded for %s: %s", words, page_url, trouble)
