"""The main job, once: migrate, start a worker, send the tasks, follow them to the verdicts, say what came of it."""

import getpass
import os
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from pkgintel import database
from pkgintel.celery import app
from pkgintel.cli import worker
from pkgintel.cli.dispatch import Dispatch
from pkgintel.cli.progress import Screen
from pkgintel.cli.summary import show
from pkgintel.database import migrations
from pkgintel.errors import (
    AlreadyRunning,
    PkgintelError,
    SettingsError,
    UpstreamError,
    UpstreamUnavailable,
)
from pkgintel.nuget import instant, window
from pkgintel.pipeline import heartbeats, runs, scan, sequels, watermark
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.reports import follow, summary
from pkgintel.reports.follow import FollowedRuns
from pkgintel.runtime import broker, deployment, process
from pkgintel.settings import NUGET_ORG, Deployment, Settings, load
from pkgintel.tasks import recovery
from pkgintel.text import plain
from pkgintel.upstream import sources
from pkgintel.upstream.client import Client

BEGINNING = window.BEGINNING + 1  # A time that can be written down, before every commit.
_ANOTHER_LIST = (
    "PKGINTEL_SPDX_LICENSES_URL and PKGINTEL_SPDX_EXCEPTIONS_URL may name another copy; `pkgintel sample` "
    "serves one as /spdx/licenses.json and /spdx/exceptions.json."
)


@click.command("run")
@click.option(
    "--catalog", metavar="nuget.org|sample|URL", help="What to read. Default: nuget.org if it answers, else the sample."
)
@click.option(
    "--since", metavar="TIME", help="Where an empty database starts, UTC: 2026-09-30 or 2026-09-30T12:00:00Z."
)
@click.option(
    "--whole",
    is_flag=True,
    help="Read the catalog from its beginning until every package has its verdict; other leaves stay unread.",
)
@click.option("--max-pages", type=click.IntRange(min=1), help="Read at most this many pages of the catalog now.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, everything else on stderr.")
def command(catalog: str | None, since: str | None, whole: bool, max_pages: int | None, as_json: bool) -> None:
    """Starts a Celery worker of its own and stops it at the end. Run it again and it reads only what is new.

    Exit codes: 0 done, nothing new, or a scan was already in progress (--whole waits for its end); 1 the run or a gate
    failed; 2 a wrong setting or argument, or Postgres or Redis cannot be used; 3 the catalog or the SPDX list cannot
    be reached.
    """
    begun = time.monotonic()
    screen = Screen()
    try:
        if whole and (since or max_pages):
            raise SettingsError("--whole reads from the beginning to the end: leave --since and --max-pages away.")
        result = _prepare_and_perform(catalog, since, max_pages, screen, begun, whole=whole)
    except PkgintelError as error:
        if not as_json:
            raise
        # Who reads JSON gets one object whatever happened; the sentence goes to stderr as ever.
        seconds = round(time.monotonic() - begun, 1)
        show(summary.nothing(error, seconds), as_json=True)
        screen.say(f"pkgintel: {error}")
        sys.exit(error.exit_code)
    show(result, as_json=as_json)
    sys.exit(result.exit_code())


def _prepare_and_perform(
    catalog: str | None, since: str | None, max_pages: int | None, screen: Screen, begun: float, *, whole: bool
) -> summary.Summary:
    asked = {"PKGINTEL_SINCE": since} if since else {}
    if whole:  # What decides no verdict follows in ticks, where `all` is wanted.
        asked = {"PKGINTEL_SINCE": instant.timestamp(BEGINNING), "PKGINTEL_READ": "speaking"}
    settings = choose(load({**os.environ, **asked}), catalog, screen)
    process.start(settings)
    return perform(settings, screen, max_pages, begun, whole=whole)


def choose(given: Settings, catalog: str | None, screen: Screen) -> Deployment:
    """The deployment for the catalog asked for; without one, nuget.org if it answers within a few seconds.

    Raises: UpstreamError when the catalog asked for cannot be reached, SettingsError for a name that is no catalog.
    """
    deployment.require_catalog(catalog)
    if catalog is None and "service_index_url" not in given.model_fields_set:
        catalog = _remembered(given) or _followed(given, screen)
    if catalog is None and "service_index_url" not in given.model_fields_set:
        try:
            _reach(given, NUGET_ORG, tries=1)
            catalog = "nuget.org"
        except UpstreamError:
            screen.say(
                "nuget.org cannot be reached from here, so this run reads the sample catalog (--catalog sample)."
            )
            catalog = deployment.SAMPLE
    elif catalog != deployment.SAMPLE:
        named = NUGET_ORG if catalog == "nuget.org" else catalog
        _reach(given, given.service_index_url if named is None else named, tries=3)
    settings = deployment.resolve(given, catalog, screen.say)
    deployment.remember(given, catalog or settings.service_index_url)
    return settings


def _remembered(given: Settings) -> str | None:
    """The catalog that filled the database whose address was given, if any did: its default from then on."""
    if given.database_url is None:
        return None
    with database.connect(given.database_url) as conn:
        known = database.the(conn, "events/exists")["found"]
        row = database.one(conn, "events/name") if known else None
    return row["name"] if row else None


def _followed(given: Settings, screen: Screen) -> str | None:
    """The catalog that a running `pkgintel up` follows here, if one does."""
    catalog = deployment.followed(given)
    if catalog is not None:
        screen.say(f"catalog {plain(catalog)}, which `pkgintel up` follows now (--catalog reads another)")
    return catalog


def _reach(given: Settings, url: str, tries: int) -> None:
    try:
        with _short_client(given, tries) as client:
            sources.discover(client, url)
    except UpstreamUnavailable as error:
        raise UpstreamUnavailable(f"The catalog cannot be reached: {error}", url) from None


@contextmanager
def _short_client(settings: Settings, tries: int = 3) -> Iterator[Client]:
    """A client for a first look, which does not wait long."""
    client = Client(settings.model_copy(update={"request_timeout": 4.0, "request_attempts": tries}))
    try:
        yield client
    finally:
        client.close()


def perform(
    settings: Deployment, screen: Screen, max_pages: int | None, begun: float, *, whole: bool = False
) -> summary.Summary:
    """Run the pipeline to its verdicts; the facts of it. `begun` is when, on the monotonic clock."""
    url = settings.database_url
    applied = migrations.apply(url)
    if applied:
        screen.say(f"the schema is up to date ({', '.join(applied)})")
    broker.require(settings.redis_url)
    with database.connect(url) as conn:
        _refuse_another_catalog(conn, settings)
        alone = _free_the_orphans(conn, screen)
        _begin_at_the_beginning(conn, settings, screen) if whole else _look_at_the_start(conn, settings, screen)
        unreachable = _licenses_cannot_be_had(conn, settings, screen)
        processes = min(2 * (os.cpu_count() or 1), 8)
        with worker.running(settings, processes) as started:
            screen.say(f"a worker of {processes} processes is starting; its log is {worker.log_path(settings)}")
            tasks = Dispatch(conn, settings, screen, started)
            if alone:  # What a worker that is gone left undone need not be waited for.
                recovery.send_unsettled(conn, settings, 0.0)
            licenses = tasks.send("spdx.sync", stage="SPDX list") if unreachable is None else unreachable
            followed = tasks.send("catalog.scan", stage="catalog", max_pages=max_pages)
            while whole and followed.skipped():
                tasks.stand_by()
                followed = tasks.send("catalog.scan", stage="catalog")
            texts = tasks.send("texts.fetch", stage="license files") if _reads_texts(conn, settings, followed) else None
        seconds = round(time.monotonic() - begun, 1)
        return summary.facts(conn, settings, followed, licenses, seconds, texts)


def _reads_texts(conn: database.Connection, settings: Deployment, scans: FollowedRuns) -> bool:
    """Whether license files are read too: of the sample that serves them; elsewhere the tick texts takes days."""
    row = database.one(conn, "events/name")
    named = row is not None and row["name"] == deployment.SAMPLE
    return named and settings.text_origins is not None and scans.bad() is None


def _refuse_another_catalog(conn: database.Connection, settings: Deployment) -> None:
    """Before anything is sent: a database keeps to the catalog that filled it. The sample's address may change."""
    row = database.one(conn, "events/name")
    if row is None or row["name"] == settings.service_index_url:
        return
    name = settings.service_index_url
    if row["name"] == deployment.SAMPLE:
        with _short_client(settings) as client:
            name = scan.name_of(sources.fetch_index(client, sources.discover(client, name)), name)
    scan.claim(conn, name)


def _begin_at_the_beginning(conn: database.Connection, settings: Deployment, screen: Screen) -> None:
    """A database that began later begins at the beginning from now on; that is recorded, as `watermark reset` is."""
    stored = database.one(conn, "events/watermark", source=Source.NUGET)
    if stored is None or stored["origin_ticks"] <= BEGINNING:
        return
    why = "run --whole reads the catalog from its beginning"
    watermark.reset(conn, settings, Source.NUGET, instant.timestamp(BEGINNING), why, getpass.getuser())
    screen.say(f"the origin moves back from {instant.timestamp(stored['origin_ticks'])} to the catalog's beginning")


def _look_at_the_start(conn: database.Connection, settings: Deployment, screen: Screen) -> None:
    """What --since means here. Raises: SettingsError when it is later than anything there is to read."""
    if settings.since is None:
        return
    if database.one(conn, "events/watermark", source="nuget"):
        screen.say("--since is ignored, for a watermark is stored (to read again: pkgintel reprocess --since …)")
        return
    with _short_client(settings) as client:
        scan.require_start(settings, sources.fetch_index(client, sources.discover(client, settings.service_index_url)))


def _licenses_cannot_be_had(conn: database.Connection, settings: Deployment, screen: Screen) -> FollowedRuns | None:
    """None when the SPDX list answers; else, where a stored list serves, the failed run that says it did not.

    Raises: UpstreamUnavailable when no list is stored either.
    """
    try:
        with _short_client(settings) as client:
            sources.fetch_bytes(client, settings.spdx_licenses_url)
    except UpstreamUnavailable as error:
        sentence = f"The SPDX license list cannot be reached: {error}"
        stored = database.the(conn, "spdx/version")
        if not stored["licenses"]:
            raise UpstreamUnavailable(f"{sentence}. {_ANOTHER_LIST}", error.url) from None
        screen.say(f"{sentence}; the stored list {stored['version']} serves")
        task_id = str(uuid.uuid4())
        with suppress(AlreadyRunning):
            run_id = runs.open_run(conn, Source.SPDX, Action.SYNC, Kind.MANUAL, task_id=task_id)
            runs.end(conn, run_id, State.FAILED, error=sentence, error_type=type(error).__name__)
        return follow.follow(conn, [task_id])
    return None


def _free_the_orphans(conn: database.Connection, screen: Screen) -> bool:
    """Runs that were left running with no worker anywhere are closed as lost, so that this one need not wait.

    Whether something was left undone, and no worker answers.
    """
    running = database.every(conn, "reports/follow/unattended")
    if not (running or sequels.unsettled(conn, 0.0)) or app.control.ping(timeout=2.0):
        return False
    for run_id in heartbeats.free_orphans(conn, [row["id"] for row in running]):
        screen.say(f"run {run_id} had been left without a worker; its work goes on from what is stored")
    return True
