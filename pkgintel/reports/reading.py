"""A look for many eyes: one connection that only reads and never takes long, one answer kept for a while."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from pkgintel import database
from pkgintel.database import migrations
from pkgintel.settings import Deployment

STATEMENT_TIMEOUT = 4000  # Milliseconds.

Answer = TypeVar("Answer")


class NewestAnswer(Generic[Answer]):
    """The newest answer of `ask`, asked again after `seconds`, by one thread while the others wait for it."""

    def __init__(self, ask: Callable[[], Answer], seconds: float) -> None:
        self._ask, self._seconds = ask, seconds
        self._lock = threading.Lock()
        self._answer: tuple[float, Answer] | None = None

    def get(self) -> Answer:
        """The answer, asked for again if the last one is old."""
        with self._lock:
            if self._answer is None or time.monotonic() - self._answer[0] > self._seconds:
                self._answer = None
                self._answer = (time.monotonic(), self._ask())
            return self._answer[1]

    def last(self, seconds: float) -> Answer | None:
        """The last answer, if it is younger than `seconds`; nobody is asked."""
        answer = self._answer
        return answer[1] if answer and time.monotonic() - answer[0] < seconds else None


@contextmanager
def reading(settings: Deployment) -> Iterator[database.Connection]:
    """A connection that only reads, whose statements cannot take long, to a database with the schema we know.

    Raises: ServiceUnavailable, SchemaBehind.
    """
    with database.connect(settings.database_url) as conn:
        conn.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT}")
        conn.execute("SET default_transaction_read_only = on")
        migrations.require_schema(conn)
        yield conn
