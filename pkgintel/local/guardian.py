"""The process that owns the embedded servers of one home: `python -m pkgintel.local.guardian HOME DESCRIPTOR`.

It is started by `embedded.hold`, in a session of its own, so that Ctrl-C in a terminal reaches neither it nor the
servers. What lies in a home:

    users.lock      shared lock of every process that uses the servers; a guardian that gets it for itself stops them
    guardian.lock   lock of the guardian, inherited as DESCRIPTOR: there is one per home, or none
    postgres.lock redis.lock   locks that the servers inherit (servers.py)
    guardian.json   what the guardian says: `pid`, `ready` and how the `sample` is served, or `error`, a sentence
    services.json   ports and passwords, written by the guardian only
    sample.wanted   there when somebody asked for the sample catalog
    last_catalog    the default of later commands
    up.lock         lock of the `pkgintel up` that runs, with the catalog that it follows (follower.py)
    postgres/ redis/ logs/

Killed with -9 it leaves the servers running; the guardian that the next user starts adopts them. SIGTERM stops them.
"""

import fcntl
import importlib
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from pkgintel.errors import ServiceUnavailable
from pkgintel.local.home import open_own
from pkgintel.local.postgres import Postgres
from pkgintel.local.server import Server, free_port, is_at, lock, port_is_free
from pkgintel.local.valkey import Valkey

TICK = 0.2  # Seconds between two looks at users and servers.
RESTARTS = 5  # Failed restarts in a row after which the guardian gives up.
LOG_BYTES = 10_000_000  # A log that is larger when the guardian starts is set aside, as `.1`.

logger = logging.getLogger(__name__)


def read(path: Path) -> dict[str, Any]:
    """The JSON object in a file, empty when the file is absent, half-written or damaged."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write(path: Path, value: dict[str, Any]) -> None:
    """Replace a file in one step, so that no reader meets half of it; only its owner may read it."""
    temporary = path.with_name(path.name + ".new")
    with open_own(temporary, "w") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class Guardian:
    """Postgres, Redis and, when somebody asked, the sample catalog of one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        memory = read(home / "services.json")
        self.postgres = Postgres(home, memory.get("postgres"))
        self.valkey = Valkey(home, memory.get("redis"))
        sample = memory.get("sample")
        port = sample.get("port") if isinstance(sample, dict) else None
        self.sample_port: int = port if type(port) is int else 0
        self.sample: object | None = None
        self.sample_asked = 0
        self.says: dict[str, Any] = {}
        self.failures = 0

    @property
    def servers(self) -> tuple[Server, Server]:
        return self.valkey, self.postgres

    def remember(self) -> None:
        """Write services.json if it does not say what is so (a port changed, or the file was damaged)."""
        memory: dict[str, Any] = {server.name: server.memory() for server in self.servers}
        if self.sample_port:
            memory["sample"] = {"port": self.sample_port}
        if read(self.home / "services.json") != memory:
            write(self.home / "services.json", memory)

    def say(self, **words: Any) -> None:
        self.says |= words
        write(self.home / "guardian.json", self.says)

    def start(self) -> None:
        """Start or adopt everything. Raises: ServiceUnavailable."""
        self.remember()  # The passwords first: files made with a password that nobody remembers are lost.
        for server in self.servers:
            server.start()
        self.remember()
        self.say(pid=os.getpid(), ready=True)
        self.serve_sample()  # After that, for most commands never ask for it.

    def tick(self) -> None:
        """Start again what died, answer who asked. Raises: ServiceUnavailable after `RESTARTS` failures in a row."""
        for server in self.servers:
            if not server.alive():
                logger.warning("%s died", server.title)
                try:
                    server.start()
                except ServiceUnavailable as error:
                    self.failures += 1
                    logger.warning("%s", error)
                    if self.failures >= RESTARTS:
                        raise
                else:
                    self.failures = 0
        self.serve_sample()
        self.remember()

    def serve_sample(self) -> None:
        """Serve the sample over HTTP if `HOME/sample.wanted` exists; what came of it is said in guardian.json."""
        try:
            asked = (self.home / "sample.wanted").stat().st_mtime_ns
        except OSError:
            return
        if asked == self.sample_asked:
            return
        self.sample_asked = asked
        try:
            if self.sample is None:
                # By name, and only now: the guardian also works where the sample is not installed.
                serve = importlib.import_module("pkgintel.sample.server").serve
                if not self.sample_port or not port_is_free(self.sample_port):
                    self.sample_port = free_port()
                self.sample = serve(port=self.sample_port)
            self.remember()  # Before anybody uses the port and ends: it is to stay the same.
            self.say(sample={"asked": asked, "port": self.sample_port})
        except Exception as error:  # Its trouble must not take the databases down.
            logger.exception("the sample catalog cannot be served")
            self.say(sample={"asked": asked, "error": f"{type(error).__name__}: {error}"})

    def stop(self) -> None:
        (self.home / "guardian.json").unlink(missing_ok=True)
        for server in self.servers:
            server.stop()


def guard(home: Path, stopping: threading.Event) -> None:
    """Start the servers, keep them while anybody uses them, stop them."""
    users = os.open(home / "users.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    guardian = Guardian(home)
    error: Exception | None = None
    try:
        guardian.start()
        while not (stopping.wait(TICK) or _alone(users)):
            if not is_at(users, home / "users.lock"):
                logger.warning("%s was removed", home)
                break
            guardian.tick()
    except Exception as caught:  # Whatever it is, somebody waits for an answer.
        logger.exception("giving up")
        error = caught
    guardian.stop()
    if error is not None and home.is_dir():
        known = isinstance(error, ServiceUnavailable)
        sentence = (
            str(error) if known else f"The embedded services failed: {error!r} (see {home / 'logs' / 'guardian.log'})."
        )
        write(home / "guardian.json", {"error": sentence})
    logger.info("guardian ends")


def _alone(users: int) -> bool:
    """Whether nobody uses the servers. If so the lock is kept: who comes now waits until we are gone."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def main() -> None:
    home, descriptor = Path(sys.argv[1]), int(sys.argv[2])
    if os.fork():
        os._exit(0)  # The guardian is nobody's child, so a command that is killed with its children leaves it alone.
    os.set_inheritable(descriptor, False)
    os.chdir("/")
    os.umask(0o077)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO, stream=sys.stderr)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    logger.info("guardian of %s (process %d)", home, os.getpid())
    guard(home, stopping)


def open_log(home: Path) -> int:
    """A descriptor of the guardian's log; logs that grew large are set aside."""
    (home / "logs").mkdir(mode=0o700, exist_ok=True)
    for path in (home / "logs").glob("*.log"):
        if path.lstat().st_size > LOG_BYTES:
            path.replace(path.with_name(path.name + ".1"))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    return os.open(home / "logs" / "guardian.log", flags, 0o600)


def take(home: Path) -> int | None:
    """The lock that makes a guardian, or None when there is one."""
    return lock(home / "guardian.lock")


if __name__ == "__main__":
    main()
