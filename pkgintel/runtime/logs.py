"""How log lines are written: readable text or one JSON object a line, each with the run, task and page it belongs to.

No line carries a body, and addresses of services lose their passwords on the way out.
"""

import contextvars
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pkgintel.text import plain, visible

_about: contextvars.ContextVar[dict[str, str | int]] = contextvars.ContextVar("about", default={})  # noqa: B039 (replaced, never changed)
_SECRET = re.compile(r"(\w+://[^:/@\s]*):[^@\s]+@")


@contextmanager
def about(**facts: str | int | None) -> Iterator[None]:
    """Lines written inside carry `facts` (run, task, page)."""
    token = _about.set({**_about.get(), **{name: fact for name, fact in facts.items() if fact is not None}})
    try:
        yield
    finally:
        _about.reset(token)


class _Line(logging.Formatter):
    def __init__(self, form: str) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        message = visible(_SECRET.sub(r"\1:***@", message))
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        facts = {name: plain(fact, 300) if isinstance(fact, str) else fact for name, fact in _about.get().items()}
        if self._form == "json":
            line = {"at": at, "level": record.levelname.lower(), "logger": record.name, "message": message, **facts}
            return json.dumps(line, ensure_ascii=False)
        told = "".join(f" {name}={fact}" for name, fact in facts.items())
        message = message.replace("\n", "\n    ")  # No text within a message begins a line as a message does.
        return f"{at} {record.levelname:<7} {record.processName} {record.name}{told}: {message}"


def set_up(form: str, level: int | str = "INFO") -> None:
    """Write the log of this process to stderr, as "text" or "json"."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line(form))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # The function that waits for a connection logs it.
