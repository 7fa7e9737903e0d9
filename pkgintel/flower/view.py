"""What our pages in Flower share: Postgres is asked in threads of our own; where it does not answer, they say so."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import psycopg
from flower.views import BaseHandler

from pkgintel import database
from pkgintel.errors import PkgintelError, SettingsError
from pkgintel.flower import drawing, plots
from pkgintel.reports.changes import licenses
from pkgintel.reports.reading import reading
from pkgintel.runtime import process
from pkgintel.text import ago, day, many, minute, plain, span

log = logging.getLogger(__name__)

PATIENCE = 8.0  # Seconds after which a page says that Postgres does not answer.
SILENCE = f"Postgres gave no answer within {PATIENCE:g} seconds."
# Nothing of another origin, no frame, forms to ourselves. Flower's own pages have scripts in them, ours need its files.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
WORDS = {word.__name__: word for word in (licenses, day, ago, span, minute, plain, many)}

Value = TypeVar("Value")

_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="pipeline")


@dataclass(frozen=True, slots=True)
class Answer(Generic[Value]):
    """What was asked for, or the sentence why there is none; `unknown` says that no such thing exists."""

    value: Value | None = None
    trouble: str = ""
    unknown: bool = False


async def within(ask: Callable[[], Value]) -> Value | None:
    """What `ask` gives, from a thread of ours, or None when that takes too long."""
    try:
        return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(_threads, ask), PATIENCE)
    except TimeoutError:
        return None


def answer(ask: Callable[[database.Connection], Value]) -> Answer[Value]:
    """What `ask` reads of Postgres. Never raises."""
    try:
        with reading(process.current().deployment) as conn:
            return Answer(ask(conn))
    except SettingsError as error:
        return Answer(trouble=str(error), unknown=True)
    except (PkgintelError, psycopg.Error) as error:
        return Answer(trouble=str(error).strip().splitlines()[0])
    except Exception as error:
        log.exception("a page could not be made")
        return Answer(trouble=f"This page met an error of its own, and Flower's log has it: {type(error).__name__}.")


class View(BaseHandler):  # type: ignore[misc]
    """A page of ours."""

    @property
    def may_act(self) -> bool:
        """Whether this page may do something: only where Flower asks who is there, and may control anything at all."""
        options = self.application.options
        return bool(options.basic_auth or options.auth) and not options.read_only

    async def see(self, ask: Callable[[database.Connection], Value]) -> Answer[Value]:
        """What `ask` reads of Postgres, or why not; the status says that too."""
        found = await within(partial(answer, ask)) or Answer(trouble=SILENCE)
        if found.value is None:
            self.set_status(404 if found.unknown else 503)
        return found

    def show(self, template: str, **facts: Any) -> None:
        """The page, with the words that all of ours use."""
        self.set_header("Content-Security-Policy", POLICY)
        self.render(template, drawing=drawing, plots=plots, may_act=self.may_act, **WORDS, **facts)
