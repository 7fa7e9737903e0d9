"""The worker that `pkgintel run` starts for itself."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pkgintel import ROOT
from pkgintel.errors import ServiceUnavailable
from pkgintel.runtime import deployment
from pkgintel.settings import Deployment


def log_path(settings: Deployment) -> Path:
    """Where the worker of `pkgintel run` writes its log."""
    return settings.home / "logs" / "worker.log"


@contextmanager
def running(settings: Deployment, processes: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A Celery worker of `processes` processes, stopped at the end; it does not outlive this process.

    Raises: ServiceUnavailable when its log cannot be written.
    """
    log = log_path(settings)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        file = log.open("ab")
    except OSError as error:
        raise ServiceUnavailable(f"{log} cannot be written: {error.strerror}; set PKGINTEL_HOME.") from None
    options = ["-c", str(processes), "-n", f"run-{os.getpid()}@%h", "-l", "INFO"]
    with file:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "pkgintel", "worker", *options],
            cwd=ROOT,
            env={**os.environ, **deployment.environment(settings)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    try:
        yield worker
    finally:
        worker.terminate()
        try:
            worker.wait(timeout=60)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


def _die_with_parent() -> None:
    """Linux sends SIGTERM to the worker when whoever started it is gone, however it went (prctl, PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
