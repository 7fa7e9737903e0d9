"""The page Pipeline in Flower, our metrics beside Flower's, and who may come in. `flowerconfig.py` installs all three.

What the page shows is `pkgintel status`, drawn. Postgres is asked in threads of our own, with a limit on every
statement, so Flower's loop never waits for it; where it does not answer, the page says so.
"""

import asyncio
import ipaddress
import logging
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import prometheus_client
import psycopg
from flower import urls as flower_urls
from flower.views import BaseHandler
from tornado import web
from tornado.escape import xhtml_escape
from tornado.template import Loader, Template
from tornado.web import url

from pkgintel import database
from pkgintel.errors import PkgintelError
from pkgintel.flower import metrics
from pkgintel.nuget.instant import iso
from pkgintel.pipeline.checks import LICENSES, PACKAGES, REJECT_LIMIT_CHECK, VERDICTS
from pkgintel.reports import status
from pkgintel.runtime import process
from pkgintel.text import ago, many, minute, plain, span

log = logging.getLogger(__name__)

PATIENCE = 8.0  # Seconds after which the page says that Postgres does not answer.
KEPT = 2.0  # Seconds that one look serves every browser.
REFRESH = 15  # Seconds after which the browser asks again.
HISTORY = 300  # Points of the plot.
VERDICT_NAMES = ("open_source", "proprietary", "unknown")
TITLES = {PACKAGES: "NuGet packages", LICENSES: "SPDX licenses", VERDICTS: "Verdicts"}

_NAV_ITEM = """<li class="nav-item">
          <a class="nav-link{% if active_tab == 'pipeline' %} active{% end %}" href="{{ reverse_url('pipeline') }}"
            {% if active_tab == 'pipeline' %}aria-current="page"{% end %}>Pipeline</a>
        </li>
      """

_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="pipeline")


def doors(address: str, basic_auth: Sequence[str] | None, auth: str) -> tuple[str, list[str]]:
    """Where Flower listens (loopback unless told) and the name:password pairs it asks for.

    Ends the process with one sentence when it should listen wider than loopback and asks for no password.
    """
    address = address or "127.0.0.1"
    pairs = [pair for pair in basic_auth or [] if pair]
    if any(not all(pair.partition(":")) for pair in pairs):
        _refuse("FLOWER_BASIC_AUTH (--basic-auth) must be name:password, neither of them empty.")
    if not (pairs or auth or _loopback(address)):
        _refuse(
            f"Flower would listen on {address}, where others can reach it, and ask for no password: set "
            "FLOWER_BASIC_AUTH=name:password (or --auth with OAuth), or leave --address out to stay on 127.0.0.1."
        )
    return address, pairs


def _refuse(sentence: str) -> None:
    sys.stderr.write(f"pkgintel: {sentence}\n")
    sys.exit(2)


def _loopback(address: str) -> bool:
    try:
        found = {info[4][0] for info in socket.getaddrinfo(address, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(str(host).partition("%")[0]).is_loopback for host in found)


def format_task(task: Any) -> Any:
    """A task as Flower's tables show it: no quotes around a sentence, no arguments that say nothing."""
    if isinstance(task.result, str) and task.result[:1] == task.result[-1:] and task.result[:1] in ("'", '"'):
        task.result = task.result[1:-1]
    if task.args in ("()", "[]"):
        told = [part for part in str(task.kwargs or "").strip("{}").split(", ") if part and not part.endswith(": None")]
        task.args = ", ".join(told).replace("'", "")
    return task


class Overlay(Loader):
    """Flower's templates with ours before them, and Pipeline in their navigation."""

    def _create_template(self, name: str) -> Template:
        own = Path(__file__).with_name(name)
        source = (own if own.is_file() else Path(self.root) / name).read_text()
        if name == "navbar.html":
            head, end, tail = source.partition("</ul>")
            source = head + _NAV_ITEM + end + tail
        return Template(source, name=name, loader=self)


collector = metrics.PkgintelCollector()


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
    """Flower's metrics and ours. Where a password is asked for, it is asked for here too."""

    async def get(self) -> None:
        """Prometheus' text format."""
        if self.application.options.basic_auth:
            self.get_current_user()
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
class Seen:
    """What the page shows: a report, or the sentence why there is none."""

    report: dict[str, Any] | None = None
    history: Sequence[Mapping[str, Any]] = ()
    trouble: str = ""


def see() -> Seen:
    """Ask Postgres and Redis for everything the page shows. Never raises."""
    try:
        settings = process.current().deployment
        crew = status.crew(settings)
        with metrics.reading(settings) as conn:
            report = status.report(conn, settings, crew)
            history = database.every(conn, "reports/status/verdict_history", most=HISTORY)
        return Seen(report, history)
    except (PkgintelError, psycopg.Error) as error:
        return Seen(trouble=str(error).strip().splitlines()[0])
    except Exception as error:
        log.exception("the page Pipeline could not be made")
        return Seen(trouble=f"This page met an error of its own, and Flower's log has it: {type(error).__name__}.")


_seen = metrics.Kept(see, KEPT)


class PipelineView(BaseHandler):  # type: ignore[misc]
    """The page Pipeline."""

    @web.authenticated
    async def get(self) -> None:
        """`?refresh=off` keeps the browser from asking again."""
        seen = await _within(_seen.get) or Seen(trouble=f"Postgres gave no answer within {PATIENCE:g} seconds.")
        live = self.get_argument("refresh", "") != "off"
        if live:
            self.set_header("Refresh", str(REFRESH))
        self.set_header("Cache-Control", "no-store")
        words = {"ago": ago, "span": span, "minute": minute, "plain": plain, "many": many}
        words |= {"since": _since, "share": share}
        drawn = {
            "badge": badge,
            "areas": areas(seen),
            "parts": parts,
            "measure": measure,
            "titles": TITLES,
            "prose": prose,
        }
        self.render("pipeline.html", seen=seen, live=live, every=REFRESH, **words, **drawn)


def badge(name: str, report: Mapping[str, Any]) -> tuple[str, str]:
    """How an asset stands, in a word, and the colour of that: blocked before never, stale and fresh."""
    asset = report["assets"][name]
    if asset["blocked"]:
        return "blocked", "bad"
    if asset["last_success"] is None:
        return "never", "off"
    return ("fresh", "good") if asset["fresh"] else ("stale", "warn")


def parts(run: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The bar of a run's pages: what is done, failed and left, in percent."""
    total = run["pages_total"]
    if not total:
        return []
    done, failed = 100 * run["pages_done"] / total, 100 * run["pages_failed"] / total
    return [("done", done), ("failed", failed), ("left", max(0.0, 100 - done - failed))]


def prose(sentence: str) -> str:
    """A sentence as HTML, its `commands` as code."""
    pieces = xhtml_escape(plain(sentence)).split("`")
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))


def share(part: float) -> str:
    """A share in percent."""
    return f"{100 * part:.1f}\u00a0%"


def measure(check: Mapping[str, Any], which: str) -> str:
    """Value or threshold of a check as a person reads it: ages as a length of time, shares in percent."""
    number = check[which]
    if number is None:
        return "nothing"
    if check["name"].endswith("_fresh"):
        return span(number)
    if check["name"] == REJECT_LIMIT_CHECK:
        return f"{100 * number:.2f}\u00a0%"
    return f"{number:,.10g}"


def areas(seen: Seen) -> dict[str, Any] | None:
    """The plot of verdict shares over time: a path for each verdict, stacked from below, in a box of 1000 by 100.

    A share holds until the next classification that changed something; the last one holds until now. None where there
    is too little to draw.
    """
    points = [(row["at"], [row[name] or 0 for name in VERDICT_NAMES]) for row in seen.history]
    points = [(at, counts) for at, counts in points if sum(counts)]
    if seen.report is None or not points:
        return None
    begin, end = points[0][0], max(datetime.fromisoformat(seen.report["as_of"]), points[-1][0])
    width = (end - begin).total_seconds()
    if width <= 0:
        return None
    xs = [1000 * (at - begin).total_seconds() / width for at, _ in points] + [1000.0]
    paths, below = {}, [0.0] * len(points)
    for index, name in enumerate(VERDICT_NAMES):
        above = [base + 100 * counts[index] / sum(counts) for base, (_, counts) in zip(below, points, strict=True)]
        paths[name] = f"M{_steps(xs, above)}L{_steps(xs, below, back=True)}Z"
        below = above
    return {"paths": paths, "begin": iso(begin), "end": iso(end), "points": len(points), "seconds": width}


def _steps(xs: Sequence[float], ys: Sequence[float], *, back: bool = False) -> str:
    corners = [f"{x:.1f} {100 - y:.2f}" for left, right, y in zip(xs, xs[1:], ys, strict=False) for x in (left, right)]
    return "L".join(reversed(corners) if back else corners)


def _since(stamp: str | None, report: Mapping[str, Any]) -> str:
    if stamp is None:
        return "never"
    return ago((datetime.fromisoformat(report["as_of"]) - datetime.fromisoformat(stamp)).total_seconds())
