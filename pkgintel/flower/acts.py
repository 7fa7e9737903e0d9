"""What an operator may do from the pages, after a question: fire, enable or disable a tick, abort or resume a run.

Only where Flower asks for a password or a login. What is done is what the commands do; who did it is kept with it.
A form is taken from our own pages alone: its origin is ours, and it holds the token that its browser was given.
"""

import base64
import logging
import re
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import psycopg
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from tornado import web
from tornado.web import HTTPError, RequestHandler

from pkgintel import database
from pkgintel.celery import app
from pkgintel.database import migrations
from pkgintel.errors import PkgintelError, ServiceUnavailable, SettingsError
from pkgintel.flower.view import PATIENCE, View, within
from pkgintel.pipeline import runs
from pkgintel.runtime import broker, process
from pkgintel.tasks import beat, recovery

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Act:
    """A thing to do: its question, what comes of it, and the word on its button."""

    question: str
    outcome: str
    button: str
    of_run: bool = False
    grave: bool = False


ACTS = {
    "run-now": Act("Fire {} now?", "Its task is sent once, whether the schedule is enabled or not.", "Run now"),
    "enable": Act("Enable the schedule {}?", "It waits for its next tick and does not fire at once.", "Enable"),
    "disable": Act("Disable the schedule {}?", "A run in progress goes on; none follows it.", "Disable", grave=True),
    "abort": Act(
        "Abort run {}?",
        "Pages that are read just now are still stored, later ones find nothing to do. What is stored stays.",
        "Abort",
        of_run=True,
        grave=True,
    ),
    "resume": Act("Go on with run {}?", "A new run does what this one left undone.", "Resume", of_run=True),
}


def perform(verb: str, target: str, by: str, why: str) -> None:
    """Do it, in the name of `by`.

    Raises: SettingsError when that cannot be done (no such run, it had ended, …); ServiceUnavailable.
    """
    settings = process.current().deployment
    try:
        with database.connect(settings.database_url) as conn:
            migrations.require_schema(conn)
            if verb == "run-now":
                beat.fire(conn, app, target)
            elif verb in ("enable", "disable"):
                beat.switch(conn, app, target, enabled=verb == "enable", by=by)
            elif verb == "abort":
                runs.abort(conn, int(target), by, why)
            else:
                recovery.resume(conn, settings, int(target))
    except psycopg.OperationalError as error:
        where, why_not = database.place(settings.database_url), str(error).strip().splitlines()[0]
        raise ServiceUnavailable(f"Postgres at {where} did not answer to the end: {why_not}") from None
    except (OperationalError, RedisError) as error:
        kept = "; the decision is stored, and beat will follow it" if verb in ("enable", "disable") else ""
        why_not = broker.because(settings.redis_url, error)
        raise ServiceUnavailable(f"Redis does not answer ({why_not}){kept}.") from None


class ActView(View):
    """The question before something is done, and the doing."""

    def check_xsrf_cookie(self) -> None:
        """Raises: HTTPError 403 for a form of another origin, or without the token that its browser was given."""
        site, origin = self.request.headers.get("Sec-Fetch-Site"), self.request.headers.get("Origin")
        if (site or "same-origin") != "same-origin" or not origin or urlsplit(origin).netloc != self.request.host:
            raise HTTPError(403, "This form came from elsewhere.")
        RequestHandler.check_xsrf_cookie(self)

    def prepare(self) -> None:
        """Raises: HTTPError 403 where nobody is asked who he is, 404 for what is neither a tick nor a run."""
        if not self.may_act:
            raise HTTPError(403, "Flower asks for no password, so nothing is done from its pages: use the command.")

    @web.authenticated
    async def get(self, verb: str, target: str) -> None:
        """The question."""
        self._ask(verb, target)

    @web.authenticated
    async def post(self, verb: str, target: str) -> None:
        """Do it, then show the run, or the schedules."""
        act = self._act(verb, target)
        why = self.get_body_argument("why", "")[:500]
        try:
            done = await within(partial(_done, verb, target, self._who(), why))
            if done is None:
                raise ServiceUnavailable(f"There was no answer within {PATIENCE:g} seconds; it may still be done.")
        except PkgintelError as error:
            self.set_status(409 if isinstance(error, SettingsError) else 503)
            self._ask(verb, target, str(error))
            return
        log.info("%s %s by %s", verb, target, self._who())
        then = self.reverse_url("pipeline-run", target) if act.of_run else self.reverse_url("pipeline")
        self.redirect(then, status=303)

    def _ask(self, verb: str, target: str, trouble: str = "") -> None:
        self.show("pipeline_act.html", act=self._act(verb, target), verb=verb, target=target, trouble=trouble)

    def _act(self, verb: str, target: str) -> Act:
        act = ACTS[verb]
        if not (re.fullmatch(r"[0-9]{1,18}", target) if act.of_run else target in beat.NAMES):
            raise HTTPError(404)
        return act

    def _who(self) -> str:
        """The name of who gave the password, or logged in."""
        if self.application.options.basic_auth:  # Flower has read the same header, and known the password.
            _, given = self.request.headers["Authorization"].split()
            return base64.b64decode(given).decode().partition(":")[0]
        return str(self.current_user)


def _done(verb: str, target: str, by: str, why: str) -> bool:
    perform(verb, target, by, why)
    return True
