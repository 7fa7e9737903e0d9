"""A server as a process on 127.0.0.1 with its files under the home: what PostgreSQL and Valkey have in common.

Each server inherits an open, locked file (`HOME/postgres.lock`, `HOME/redis.lock`) and so do the processes it forks.
While one of them lives the lock is taken, and when the last one dies, however it dies, the kernel frees it. So "is it
running?" never rests on a process id in a file, and no second server can start over the files of a living one.
"""

import contextlib
import fcntl
import logging
import os
import re
import secrets
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pkgintel.errors import ServiceUnavailable
from pkgintel.local.home import open_own

HOST = "127.0.0.1"
# Below the ports that Linux (32768 and up) and macOS (49152 and up) lend to outgoing connections.
PORTS = range(20_000, 32_000)
START_WITHIN = 120.0  # Seconds; a server that replays its journal after a crash needs more than an instant.
STOP_WITHIN = 60.0
INSTALL = "pip install 'pkgintel[embedded]'"

Answer = Literal["yes", "refused", "no"]
logger = logging.getLogger(__name__)


def lock(path: Path, kind: int = fcntl.LOCK_EX) -> int | None:
    """The descriptor of an open file that holds the lock of `path`, or None when another process holds it.

    The lock ends when every process that has the descriptor closed it or died. Descriptors are not inherited over exec.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            if is_at(descriptor, path):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise
        os.close(
            descriptor
        )  # The directory was removed and made again under us: what is locked is a file without a name.


def is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one that `path` names."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def port_is_free(port: int) -> bool:
    """Whether a server could listen on the port of 127.0.0.1 now."""
    with socket.socket() as probe:
        # As the servers do: connections that linger from an earlier life are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A free port, chosen at random so that two homes that start together do not choose the same."""
    for _ in range(1000):
        port = secrets.choice(PORTS)
        if port_is_free(port):
            return port
    raise ServiceUnavailable(f"No free port on {HOST} between {PORTS.start} and {PORTS.stop}.")


class Server(ABC):
    """One server with its directory, lock, log, port and password; used by one thread of one process, the guardian."""

    name: str
    title: str
    remedy = ""  # What to do when it does not start, where that is known; {directory} is its own.
    stop_signal: signal.Signals
    kill_signal: signal.Signals

    def __init__(self, home: Path, memory: object) -> None:
        """`memory` is what `memory()` gave in an earlier life; whatever is missing or damaged in it is made anew."""
        self.home = home
        self.directory = home / self.name
        self.log = home / "logs" / f"{self.name}.log"
        known = memory if isinstance(memory, dict) else {}
        port, password = known.get("port"), known.get("password")
        found = self.recall()
        self.port: int = (
            port if type(port) is int and 1024 <= port < 65536 else int(found.get("port", 0)) or free_port()
        )
        fits = isinstance(password, str) and re.fullmatch(r"[0-9a-f]{32}", password)
        self.password: str = str(password) if fits else found.get("password", secrets.token_hex(16))
        self.child: subprocess.Popen[bytes] | None = None
        self.adopted: int | None = None  # The open lock file of a server that an earlier guardian started.
        self.pid = 0

    def memory(self) -> dict[str, int | str]:
        return {"port": self.port, "password": self.password}

    def recall(self) -> Mapping[str, str]:
        """What the server's own files say about `port` and `password`, for a memory that was lost."""
        return {}

    @abstractmethod
    def living(self) -> tuple[int, int]:
        """The process id and the port that the server's own files name, (0, 0) when they name none."""

    @abstractmethod
    def answers(self) -> Answer:
        """Whether the server on our port takes our password; "no" also while it starts or stops."""

    @abstractmethod
    def command(self) -> list[str]:
        """The argument list of the server."""

    def prepare(self, inherit: int) -> None:  # noqa: B027
        """Make ready what the server needs before it is started; processes that write its files inherit the lock."""

    def options(self) -> dict[str, Any]:
        """Further arguments of `Popen`."""
        return {}

    def start(self) -> None:
        """Adopt the living server or start one; returns when it answers.

        Raises: ServiceUnavailable when there are no binaries, the files cannot be used, or the server does not come up.
        """
        descriptor = self._adopt()
        if descriptor is None:
            return
        try:
            self.prepare(descriptor)
            self._launch(descriptor)
        finally:
            os.close(descriptor)

    def _adopt(self) -> int | None:
        """None when a living server of ours answers (it is ours from now on), else the lock of the dead one."""
        until = time.monotonic() + START_WITHIN
        path = self.home / f"{self.name}.lock"
        self.child = None
        if self.adopted is not None:
            os.close(self.adopted)
            self.adopted = None
        while (descriptor := lock(path)) is None:
            self.pid, port = self.living()
            self.port = port or self.port
            answer = self.answers() if port else "no"
            if answer == "yes":
                logger.info("%s runs already on port %d (process %d)", self.title, self.port, self.pid)
                self.adopted = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
                return None
            if answer == "refused" and self.pid:
                logger.warning("%s has a password that was lost: restarting it", self.title)
                self._signal(self.stop_signal)
            if time.monotonic() > until:
                raise ServiceUnavailable(
                    f"A {self.title} that was started earlier still holds {self.directory} but does not answer; "
                    f"end it (process {self.pid or 'unknown'}) and try again."
                )
            time.sleep(0.05)
        return descriptor

    def _launch(self, inherit: int) -> None:
        until = time.monotonic() + START_WITHIN
        for _ in range(10):
            if not port_is_free(self.port):
                taken, self.port = self.port, free_port()
                logger.warning("port %d is taken by somebody else: %s moves to %d", taken, self.title, self.port)
            written = self.log.stat().st_size if self.log.exists() else 0
            with open_own(self.log, "ab") as log:
                self.child = subprocess.Popen(
                    self.command(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(inherit,),
                    **self.options(),
                )
            self.pid = self.child.pid
            while self.child.poll() is None:
                if self.living()[0] == self.pid and self.answers() != "no":
                    logger.info("%s started on port %d (process %d)", self.title, self.port, self.pid)
                    return
                if time.monotonic() > until:
                    self.stop()
                    raise ServiceUnavailable(
                        f"{self.title} did not answer within {START_WITHIN:.0f} s; see {self.log}."
                    )
                time.sleep(0.01)
            if port_is_free(self.port):  # Else somebody took it between our look and the server's.
                break
        raise ServiceUnavailable(
            f"{self.title} did not start: {self._last_words(written)} (see {self.log})."
            + self.remedy.format(directory=self.directory)
        )

    def _last_words(self, written: int) -> str:
        """The line of the log that says why, among those after the first `written` bytes."""
        with self.log.open("rb") as log:
            log.seek(written)
            lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        fatal = [line for line in lines if re.search(r"FATAL|PANIC|[Ee]rror", line)]
        return (fatal or lines or ["it said nothing"])[-1].strip().rstrip(".")

    def alive(self) -> bool:
        if self.child is not None:
            return self.child.poll() is None
        if self.adopted is None:
            return False
        try:
            fcntl.flock(self.adopted, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self.adopted, fcntl.LOCK_UN)
        return False

    def stop(self) -> None:
        """Ask the server to stop and wait until it did; after `STOP_WITHIN` seconds it is made to."""
        for sent, patience in ((self.stop_signal, STOP_WITHIN), (self.kill_signal, 5.0)):
            if self.pid and self.alive():
                self._signal(sent)
            until = time.monotonic() + patience
            while self.pid and self.alive() and time.monotonic() < until:
                time.sleep(0.01)
        if self.pid:
            logger.info("%s stopped", self.title)
        self.pid = 0

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
