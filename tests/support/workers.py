"""Real workers, started as an operator starts them, and what they tell of their tasks."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil
import redis
from celery import Celery
from celery.events.state import State

from pkgintel import database
from pkgintel.reports.crew import queue_lengths
from pkgintel.runtime import deployment
from pkgintel.settings import Deployment
from tests.support.checkout import CHECKOUT
from tests.support.commands import command
from tests.support.waiting import until

PATIENCE = 120  # Seconds until a wait fails: many times what it takes, for a machine that is busy.
QUEUES = {"catalog": "catalog", "spdx": "catalog", "verdicts": "verdicts"}


class Fleet:
    """Workers on one database and one Redis, and a client that sends them tasks."""

    def __init__(self, stack: ExitStack, settings: Deployment, logs: Path) -> None:
        # Nobody should come to need a home.
        self.settings = settings.model_copy(update={"home": logs / "home"})
        self.conn = stack.enter_context(database.connect(settings.database_url))
        self.client = stack.enter_context(Celery(broker=settings.redis_url, set_as_current=False))
        self._logs = logs
        self._stack = stack

    @property
    def environment(self) -> dict[str, str]:
        """The variables of every process here."""
        return os.environ | deployment.environment(self.settings)

    def worker(self, name: str) -> subprocess.Popen[bytes]:
        """Start a worker and wait until it takes tasks."""
        log = self._logs / f"{name}.log"
        command = [sys.executable, "-m", "celery", "-A", "pkgintel", "worker", "-c", "2", "-l", "INFO"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "-n", f"{name}@tests"],
                cwd=CHECKOUT,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._stack.callback(kill, process)
        until(lambda: b" ready." in log.read_bytes() or process.poll() is not None, f"{name} is ready", PATIENCE)
        assert process.poll() is None, log.read_text()[-4000:]
        return process

    def send(self, task: str, *args: Any, **arguments: Any) -> None:
        """Send a task as a shell or the clock would, to the queue where celeryconfig routes it."""
        queue = QUEUES.get(task.partition(".")[0], "ops")
        self.client.send_task(task, args=args, kwargs=arguments, queue=queue)

    def underway(self) -> int:
        """How many tasks lie in the queues or in the hands of workers."""
        waiting = sum(queue_lengths(self.settings).values())
        with redis.Redis.from_url(self.settings.redis_url) as broker:
            return waiting + int(broker.hlen("unacked"))

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait for `condition`, and show the runs and logs if it does not come."""
        try:
            return until(condition, what, PATIENCE)
        except AssertionError as error:
            logs = [log.read_text()[-3000:] for log in self._logs.glob("*.log")]
            raise AssertionError("\n".join(map(str, [error, *self.runs(), *logs]))) from None

    def runs(self) -> list[database.Row]:
        return self.conn.execute("SELECT * FROM ops.runs ORDER BY id").fetchall()

    def tell(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What the command `pkgintel …` prints, run as an operator runs it."""
        return command(words, self.environment, PATIENCE)

    def watch(self) -> State:
        """The tasks as Flower knows them, kept up to date from the workers' events until the end."""
        state = State()
        connection = self._stack.enter_context(self.client.connection())
        receiver = self.client.events.Receiver(connection, handlers={"*": state.event})
        thread = threading.Thread(target=receiver.capture, name="events", kwargs={"wakeup": False}, daemon=True)
        thread.start()

        def stop() -> None:
            receiver.should_stop = True
            thread.join(10)

        self._stack.callback(stop)
        return state


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a worker and its pool at once, as a power cut does."""
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
    process.kill()
    process.wait()
