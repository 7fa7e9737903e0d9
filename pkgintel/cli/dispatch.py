"""Sending tasks from a command that waits for what comes of them, and for what it has to wait for first."""

import subprocess
import time
import uuid
from typing import Any

from pkgintel import database
from pkgintel.celery import app
from pkgintel.cli import progress, worker
from pkgintel.cli.progress import Screen
from pkgintel.errors import RunFailed
from pkgintel.pipeline import runs
from pkgintel.pipeline.states import State
from pkgintel.reports import follow
from pkgintel.reports.follow import FollowedRuns
from pkgintel.settings import Deployment
from pkgintel.tasks import recovery


class Dispatch:
    """Sends tasks and follows them, with an eye on the worker and on what got lost."""

    def __init__(
        self, conn: database.Connection, settings: Deployment, screen: Screen, started: "subprocess.Popen[bytes]"
    ) -> None:
        self._conn, self._settings, self._screen, self._worker = conn, settings, screen, started
        self._next_look = time.monotonic() + 5

    def send(self, name: str, *, stage: str, **kwargs: Any) -> FollowedRuns:
        """Send the task through the broker and wait for all that comes of it."""
        task_id = str(uuid.uuid4())
        app.send_task(name, kwargs=kwargs, task_id=task_id)

        def tend() -> None:
            if not self._tend() or follow.follow(self._conn, [task_id]).runs:
                return
            if app.backend.get_state(task_id) == "FAILURE":
                raise RunFailed(f"{name} failed before it could begin: {app.backend.get_result(task_id)}")

        try:
            return progress.wait(self._conn, [task_id], self._screen, tend, stage=stage)
        except KeyboardInterrupt:
            for run in follow.follow(self._conn, [task_id]).runs:
                if run.own:
                    runs.end(self._conn, run.id, State.ABORTED, error="stopped by a person (Ctrl-C)")
            raise
        finally:
            self._screen.close()

    def stand_by(self) -> None:
        """Wait until no scan is in progress."""
        self._screen.say("another scan is in progress; this one waits for its end")

        def tend() -> None:
            self._tend()

        progress.stand_by(self._conn, self._screen, tend)

    def _tend(self) -> bool:
        """See that the worker lives, and every five seconds to what got lost; whether it was time for that.

        Raises: RunFailed when the worker ended.
        """
        if self._worker.poll() is not None:
            log = worker.log_path(self._settings)
            raise RunFailed(f"The worker ended with code {self._worker.returncode}; its log is {log}.")
        due = time.monotonic() > self._next_look
        if due:
            self._next_look = time.monotonic() + 5
            recovery.recover(self._conn, self._settings)
        return due
