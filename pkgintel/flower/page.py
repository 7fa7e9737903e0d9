"""The page Pipeline in Flower, and our metrics beside Flower's.

What the page shows is `pkgintel status`, drawn. Postgres is asked in threads of our own, with a limit on every
statement, so Flower's loop never waits for it; where it does not answer, the page says so.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import prometheus_client
import psycopg
from flower import urls as flower_urls
from flower.views import BaseHandler
from tornado import web
from tornado.template import Loader, Template
from tornado.web import url

from pkgintel.errors import PkgintelError
from pkgintel.flower import drawing, guard, metrics
from pkgintel.flower.drawing import Areas
from pkgintel.flower.look import look
from pkgintel.flower.rollcall import crew_of_now
from pkgintel.pipeline.checks import LICENSES, PACKAGES, VERDICTS
from pkgintel.reports import changes, status, totals
from pkgintel.reports.changes import Change, licenses
from pkgintel.reports.reading import NewestAnswer, reading
from pkgintel.reports.status import Status
from pkgintel.runtime import process
from pkgintel.text import ago, day, many, minute, plain, span

log = logging.getLogger(__name__)

PATIENCE = 8.0  # Seconds after which the page says that Postgres does not answer.
KEPT = 2.0  # Seconds that one look serves every browser.
REFRESH = 10  # Seconds after which the browser asks again.
HISTORY = 300  # Points of the plot.
CHANGES = 8  # Changes of licenses and verdicts.
# Nothing of another origin, no form, no frame; Flower's own pages have scripts in them, ours needs its files alone.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TITLES = {PACKAGES: "NuGet packages", LICENSES: "SPDX licenses", VERDICTS: "Verdicts"}

_NAV_ITEM = """<li class="nav-item">
          <a class="nav-link{% if active_tab == 'pipeline' %} active{% end %}" href="{{ reverse_url('pipeline') }}"
            {% if active_tab == 'pipeline' %}aria-current="page"{% end %}>Pipeline</a>
        </li>
      """

_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="pipeline")


class Overlay(Loader):
    """Flower's templates with ours before them, and Pipeline in their navigation."""

    def _create_template(self, name: str) -> Template:
        own = Path(__file__).with_name(name)
        source = (own if own.is_file() else Path(self.root) / name).read_text()
        if name == "navbar.html":
            head, end, tail = source.partition("</ul>")
            source = head + _NAV_ITEM + end + tail
        return Template(source, name=name, loader=self)


collector = metrics.PkgintelCollector(lambda: look(crew_of_now.newest))


def install() -> None:
    """Put page and metrics into Flower, before it builds its application."""
    handlers = flower_urls.handlers
    handlers[:] = [
        url(r"/pipeline", PipelineView, name="pipeline"),
        *((r"/metrics", MetricsView) if _pattern(handler) == r"/metrics" else handler for handler in handlers),
    ]
    flower_urls.settings["template_loader"] = Overlay(flower_urls.settings["template_path"])
    prometheus_client.REGISTRY.register(collector)


def _pattern(handler: Any) -> str:
    return str(handler[0] if isinstance(handler, tuple) else handler.regex.pattern)


class MetricsView(BaseHandler):  # type: ignore[misc]
    """Flower's metrics and ours. Where a password or a login is asked for, it is asked for here too."""

    prepare = guard.admit

    async def get(self) -> None:
        """Prometheus' text format."""
        self.application.purge_offline_worker_metrics()
        await _within(collector.refresh)
        self.set_header("Content-Type", prometheus_client.CONTENT_TYPE_LATEST)
        self.write(prometheus_client.generate_latest())


async def _within(ask: Callable[[], Any]) -> Any:
    """What `ask` gives, from a thread of ours, or None when that takes too long."""
    try:
        return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(_threads, ask), PATIENCE)
    except TimeoutError:
        return None


@dataclass(frozen=True, slots=True)
class Contents:
    """What the page shows: a report, or the sentence why there is none."""

    report: Status | None = None
    plot: Areas | None = None
    changes: tuple[Change, ...] = ()
    trouble: str = ""


def see() -> Contents:
    """Ask Postgres and Redis for everything the page shows. Never raises."""
    try:
        settings = process.current().deployment
        answers = crew_of_now.newest()
        with reading(settings) as conn:
            report = status.report(conn, settings, answers)
            history = totals.verdicts(conn, HISTORY)
            newest = changes.newest(conn, CHANGES).changes
        return Contents(report, drawing.areas(history, report.as_of), newest)
    except (PkgintelError, psycopg.Error) as error:
        return Contents(trouble=str(error).strip().splitlines()[0])
    except Exception as error:
        log.exception("the page Pipeline could not be made")
        return Contents(trouble=f"This page met an error of its own, and Flower's log has it: {type(error).__name__}.")


_contents = NewestAnswer(see, KEPT)


class PipelineView(BaseHandler):  # type: ignore[misc]
    """The page Pipeline."""

    @web.authenticated
    async def get(self) -> None:
        """`?refresh=off` keeps the browser from asking again."""
        seen = await _within(_contents.get) or Contents(trouble=f"Postgres gave no answer within {PATIENCE:g} seconds.")
        live = self.get_argument("refresh", "") != "off"
        if live:
            self.set_header("Refresh", str(REFRESH))
        self.set_header("Content-Security-Policy", POLICY)
        words = {word.__name__: word for word in (licenses, day, ago, span, minute, plain, many)}
        self.render("pipeline.html", seen=seen, live=live, every=REFRESH, titles=TITLES, drawing=drawing, **words)
