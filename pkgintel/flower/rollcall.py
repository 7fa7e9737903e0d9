"""Who of the crew answers, asked every few seconds beside the pages, for an answer takes a second of waiting.

What Flower itself counts as online is what it last heard; a worker that was killed or frozen says nothing more, and
stays online there. Whoever is asked and does not answer is not here.
"""

import threading
import time
from collections.abc import Callable

from pkgintel.errors import PkgintelError
from pkgintel.reports import crew
from pkgintel.reports.crew import UNKNOWN, Crew
from pkgintel.runtime import process

PAUSE = 3.0  # Seconds between two questions.
TOO_OLD = 12.0  # Seconds after which an answer says nothing of now.
UNUSED = 120.0  # Seconds after which nobody is asked for what nobody looks at.
FIRST = 6.0  # Seconds that the first one to look waits at most.

_SILENT = Crew(workers=UNKNOWN, queues=UNKNOWN, crew_unknown_because="Redis did not answer in time")


def ask() -> Crew:
    """Ask now: the workers, within a second, and the queues. Never raises what was foreseen."""
    try:
        return crew.ask(process.current().deployment)
    except PkgintelError as error:
        return Crew(workers=UNKNOWN, queues=UNKNOWN, crew_unknown_because=str(error))


class RollCall:
    """The newest answer of `ask`. A thread asks from the first look on, as long as somebody looks."""

    def __init__(self, ask: Callable[[], Crew] = ask, pause: float = PAUSE) -> None:
        self._ask, self._pause = ask, pause
        self._changed = threading.Condition()
        self._answer: tuple[float, Crew] | None = None
        self._looked = 0.0
        self._thread: threading.Thread | None = None

    def newest(self) -> Crew:
        """What was answered last; the first one to look waits for it. Unknown where no answer is young enough."""
        with self._changed:
            self._looked = time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(target=self._go_on_asking, name="rollcall", daemon=True)
                self._thread.start()
            self._changed.wait_for(self._young, FIRST)
            return self._answer[1] if self._answer and self._young() else _SILENT

    def _young(self) -> bool:
        return self._answer is not None and time.monotonic() - self._answer[0] < TOO_OLD

    def _go_on_asking(self) -> None:
        while True:
            answer = self._ask()
            with self._changed:
                self._answer = time.monotonic(), answer
                self._changed.notify_all()
                if time.monotonic() - self._looked > UNUSED:
                    self._thread = None  # The next one to look starts another.
                    return
            time.sleep(self._pause)


crew_of_now = RollCall()
