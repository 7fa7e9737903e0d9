"""Running every process of a Procfile until Ctrl-C: started in order, started again when one dies, stopped in reverse.

Each process leads a session of its own, so a Ctrl-C reaches only the supervisor, and a SIGTERM only the leader: a
worker then ends the page in flight, while a signal to its whole group would kill the children under it. Beat does end
now and then (when Redis hiccups, its lock is gone), so whatever ends is started again, after a pause that grows.
"""

import ctypes
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from pkgintel.errors import SettingsError

GRACE = 60.0  # Seconds from SIGTERM to SIGKILL, for all of them together.
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # Seconds before each new start.
STEADY = 60.0  # A process that lived this long has earned the shortest pause again.
_LINE = re.compile(r"([A-Za-z0-9_-]+):\s*(\S.*)")
_OF_SEVERAL = re.compile(r"\w+=|.*[;&|]")  # Such a line keeps its shell, which then is the leader.

Say = Callable[[str, str], None]  # The name of the process, and the line.


def read(procfile: Path) -> dict[str, str]:
    """Name and command of every process, in order.

    Raises: SettingsError when the file cannot be read, or a line is no `name: command`.
    """
    try:
        lines = procfile.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{procfile} cannot be read: {getattr(error, 'strerror', error)}.") from None
    commands: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None or found[1] in commands:
            raise SettingsError(f"{procfile}, line {number}, is no `name: command` with a name of its own.")
        commands[found[1]] = found[2]
    if not commands:
        raise SettingsError(f"{procfile} names no process.")
    return commands


class Process:
    """One line of the Procfile, and the process that runs it now."""

    def __init__(self, name: str, command: str, environ: Mapping[str, str], cwd: Path, say: Say) -> None:
        self.name = name
        self._command = command
        self._environ = environ
        self._cwd = cwd
        self._say = say
        self._popen: subprocess.Popen[bytes] | None = None
        self._ends = 0
        self._since = self._next = 0.0
        self._rest = b""

    def start(self, selector: selectors.BaseSelector) -> None:
        """Start it, as the leader of a session that dies with this process."""
        self._since = time.monotonic()
        exec_ = "" if _OF_SEVERAL.match(self._command) else "exec "
        self._popen = popen = subprocess.Popen(
            ["/bin/sh", "-c", exec_ + self._command],
            cwd=self._cwd,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            bufsize=0,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        if popen.stdout is not None:  # Always: a pipe was asked for.
            os.set_blocking(popen.stdout.fileno(), False)
            selector.register(popen.stdout, selectors.EVENT_READ, self)

    def running(self) -> bool:
        """Whether its leader runs."""
        return self._popen is not None and self._popen.poll() is None

    def tend(self, selector: selectors.BaseSelector) -> None:
        """Start it again when it has ended and its pause is over."""
        if self._popen is not None and not self.running():
            code = self._popen.returncode
            self.bury(selector)
            self._ends = 0 if time.monotonic() - self._since > STEADY else self._ends
            pause = PAUSES[min(self._ends, len(PAUSES) - 1)]
            self._ends += 1
            self._next = time.monotonic() + pause
            how = f"with code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
            self._say(self.name, f"ended {how}; it is started again in {pause:g} s")
        elif self._popen is None and time.monotonic() >= self._next:
            self.start(selector)

    def listen(self, selector: selectors.BaseSelector) -> bool:
        """Pass on lines it has written; whether more may come."""
        if self._popen is None or self._popen.stdout is None or self._popen.stdout.closed:
            return False
        chunk = self._popen.stdout.read(65536)
        *lines, self._rest = (self._rest + (chunk or b"")).split(b"\n")
        if chunk == b"":
            selector.unregister(self._popen.stdout)
            self._popen.stdout.close()
            lines, self._rest = [self._rest] if self._rest else [], b""
        for line in lines:
            self._say(self.name, line.decode(errors="replace").rstrip("\r"))
        return bool(chunk)

    def terminate(self) -> None:
        """Ask the leader, and nobody else, to end."""
        if self.running() and self._popen is not None:
            self._popen.terminate()

    def bury(self, selector: selectors.BaseSelector) -> None:
        """Kill what is left of its session, pass on its last words, forget it."""
        if self._popen is None:
            return
        with suppress(ProcessLookupError, PermissionError):  # Nothing is left; macOS refuses a signal to a zombie.
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        while self.listen(selector):
            pass
        self._popen = None


def supervise(processes: Iterable[Process], grace: float = GRACE) -> bool:
    """Run them until SIGINT, SIGTERM or SIGHUP, then stop them; a second one kills. Whether none had to be killed."""
    processes = list(processes)
    asked: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda number, _: asked.append(number)) for number in signals}
    selector = selectors.DefaultSelector()
    try:
        for process in processes:
            if not asked:
                process.start(selector)
        while not asked:
            _listen(selector)
            for process in processes:
                process.tend(selector)
        return _stop(processes, selector, asked, grace)
    finally:
        for process in reversed(processes):
            process.bury(selector)
        selector.close()
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(processes: list[Process], selector: selectors.BaseSelector, asked: list[int], grace: float) -> bool:
    deadline = time.monotonic() + grace
    for process in reversed(processes):
        process.terminate()
        while process.running():
            if len(asked) > 1 or time.monotonic() > deadline:
                return False
            _listen(selector)
    return True


def _listen(selector: selectors.BaseSelector) -> None:
    if not selector.get_map():
        time.sleep(0.1)
    for key, _ in selector.select(0.1):
        key.data.listen(selector)


def _die_with_parent() -> None:
    """Linux sends SIGTERM to the leader when the supervisor is gone, however it went (prctl, PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
