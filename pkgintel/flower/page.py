"""The page Pipeline in Flower, and our metrics beside Flower's.

What the page shows is `pkgintel status`, drawn. Postgres is asked in threads of our own, with a limit on every
statement, so Flower's loop never waits for it; where it does not answer, the page says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import prometheus_client
from flower import urls as flower_urls
from flower.views import BaseHandler
from tornado import web
from tornado.template import Loader, Template
from tornado.web import url

from pkgintel import database
from pkgintel.flower import drawing, guard, metrics
from pkgintel.flower.acts import ActView
from pkgintel.flower.checks import CheckView
from pkgintel.flower.drawing import Areas
from pkgintel.flower.look import look
from pkgintel.flower.rollcall import crew_of_now
from pkgintel.flower.runs import RunsView, RunView
from pkgintel.flower.view import SILENCE, View, answer, within
from pkgintel.pipeline.checks import LICENSES, PACKAGES, SOURCES, TEXTS, VERDICTS
from pkgintel.reports import changes, history, status, totals
from pkgintel.reports.changes import Change
from pkgintel.reports.history import CheckValue, QuietRuns, RunFilter, Volume
from pkgintel.reports.reading import NewestAnswer
from pkgintel.reports.runs import ListedRun
from pkgintel.reports.status import Status
from pkgintel.runtime import process

KEPT = 2.0  # Seconds that one look serves every browser.
REFRESH = 10  # Seconds after which the browser asks again.
HISTORY = 300  # Points of the plot.
CHANGES = 8  # Changes of licenses and verdicts.
LATEST = 40  # Runs that are looked at for the last ones; those that found nothing new are folded.
SHOWN = 10  # Of them, on the page.
TITLES = {PACKAGES: "NuGet packages", LICENSES: "SPDX licenses", TEXTS: "License texts", VERDICTS: "Verdicts"}

_NAV_ITEM = """<li class="nav-item">
          <a class="nav-link{% if active_tab == 'pipeline' %} active{% end %}" href="{{ reverse_url('pipeline') }}"
            {% if active_tab == 'pipeline' %}aria-current="page"{% end %}>Pipeline</a>
        </li>
      """


class Overlay(Loader):
    """Flower's templates with ours before them, and Pipeline in their navigation."""

    def _create_template(self, name: str) -> Template:
        own = Path(__file__).with_name(name)
        source = (own if own.is_file() else Path(self.root) / name).read_text()
        if name == "navbar.html":
            head, end, tail = source.partition("</ul>")
            source = head + _NAV_ITEM + end + tail
        return Template(source, name=name, loader=self)


PAGES = (
    url(r"/pipeline/runs", RunsView, name="pipeline-runs"),
    url(r"/pipeline/runs/(\d{1,18})", RunView, name="pipeline-run"),
    url(r"/pipeline/checks/(\w{1,80})", CheckView, name="pipeline-check"),
    url(r"/pipeline/(run-now|enable|disable|abort|resume)/(\w{1,20})", ActView, name="pipeline-act"),
)

collector = metrics.PkgintelCollector(lambda: look(crew_of_now.newest))


def install() -> None:
    """Put page and metrics into Flower, before it builds its application."""
    handlers = flower_urls.handlers
    handlers[:] = [
        url(r"/pipeline", PipelineView, name="pipeline"),
        *PAGES,
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
        await within(collector.refresh)
        self.set_header("Content-Type", prometheus_client.CONTENT_TYPE_LATEST)
        self.write(prometheus_client.generate_latest())


@dataclass(frozen=True, slots=True)
class Contents:
    """What the page shows: a report, or the sentence why there is none."""

    report: Status | None = None
    plot: Areas | None = None
    changes: tuple[Change, ...] = ()
    runs: tuple[ListedRun | QuietRuns, ...] = ()
    volumes: tuple[Volume, ...] = ()
    values: Mapping[str, tuple[CheckValue, ...]] = field(default_factory=dict)
    trouble: str = ""


def see() -> Contents:
    """Ask Postgres for everything the page shows, and what the crew last answered. Never raises."""
    answers = crew_of_now.newest()

    def ask(conn: database.Connection) -> Contents:
        report = status.report(conn, process.current().deployment, answers)
        return Contents(
            report,
            drawing.areas(totals.verdicts(conn, HISTORY), report.as_of),
            changes.newest(conn, CHANGES).changes,
            history.runs(conn, RunFilter(), most=LATEST).runs[:SHOWN],
            history.volumes(conn),
            history.checks(conn, [check.name for check in report.checks]),
        )

    found = answer(ask)
    return found.value or Contents(trouble=found.trouble)


_contents = NewestAnswer(see, KEPT)


class PipelineView(View):
    """The page Pipeline."""

    @web.authenticated
    async def get(self) -> None:
        """`?refresh=off` keeps the browser from asking again."""
        seen = await within(_contents.get) or Contents(trouble=SILENCE)
        live = self.get_argument("refresh", "") != "off"
        if live:
            self.set_header("Refresh", str(REFRESH))
        self.show("pipeline.html", seen=seen, live=live, every=REFRESH, titles=TITLES, sources=SOURCES)
