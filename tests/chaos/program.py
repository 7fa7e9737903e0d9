"""A process of Celery that can be killed, frozen and told to leave."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.checkout import CHECKOUT


def _at_birth() -> None:
    """Whoever started us may have had signals ignored, as a shell does for what it starts in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    if sys.platform == "linux":
        _die_with_us()


def _die_with_us() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, where there is one.


class Program:
    """A process of Celery with a session of its own."""

    def __init__(self, name: str, words: list[str], environ: dict[str, str], logs: Path) -> None:
        self.name = name
        self.struck = False
        self.log = logs / f"{name}.log"
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "pkgintel", *words],
                cwd=CHECKOUT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_at_birth,
            )

    def running(self) -> bool:
        return self.popen.poll() is None

    def gave_up(self) -> bool:
        """Whether it ended because one of its pool was killed while the pool was starting, as Celery does."""
        return not self.running() and self.struck and "Could not start worker processes" in self.log.read_text()

    def children(self) -> list[int]:
        """The processes of its pool."""
        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(self.popen.pid).children()]
        return []

    def signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, number)

    def kill(self) -> None:
        """kill -9 of all of it."""
        self.signal_group(signal.SIGKILL)
        self.popen.wait()
