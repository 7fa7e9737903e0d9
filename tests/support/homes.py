"""Homes of embedded servers: each with the users that a test started over it, and the processes that serve it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import redis

from pkgintel.local import guardian, server
from pkgintel.local import services as embedded
from pkgintel.settings import Settings
from tests.support.checkout import CHECKOUT
from tests.support.waiting import until

soon = partial(until, timeout=20, pause=0.02)

LOCKS = ("users.lock", "guardian.lock", "postgres.lock", "redis.lock")
# A user of the services: says where they are, and holds them until its standard input ends.
USER = """
import json, sys
from pkgintel.local import services as embedded
from pkgintel.settings import load
try:
    services = embedded.hold(load())
    said = dict(zip(("postgres", "redis"), services.database("sample")))
except Exception as error:
    said = {"error": f"{type(error).__name__}: {error}"}
print(json.dumps(said), flush=True)
sys.stdin.read()
"""


class Home:
    """A home, the users that this test started over it, and the processes that serve it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings = Settings(home=path)
        self.users: list[subprocess.Popen[str]] = []

    def user(self, **options: Any) -> subprocess.Popen[str]:
        """Start a user without waiting for what it says."""
        env = os.environ | {"PKGINTEL_HOME": str(self.path), "PYTHONPATH": str(CHECKOUT)} | options.pop("env", {})
        python, script = options.pop("python", sys.executable), options.pop("script", USER)
        process = subprocess.Popen(
            [python, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, **options
        )
        self.users.append(process)
        return process

    def said(self, process: subprocess.Popen[str]) -> dict[str, str]:
        assert process.stdout is not None
        answer: dict[str, str] = json.loads(process.stdout.readline())
        return answer

    def end(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        process.communicate()
        self.users.remove(process)

    def guardian_pid(self) -> int:
        return int(guardian.read(self.path / "guardian.json")["pid"])

    def postgres_pid(self) -> int:
        return int((self.path / "postgres" / "postmaster.pid").read_text().splitlines()[0])

    def redis_pid(self) -> int:
        return int((self.path / "redis" / "redis.pid").read_text())

    def pids(self) -> tuple[int, int]:
        return self.postgres_pid(), self.redis_pid()

    def taken(self) -> list[str]:
        """The locks that some process holds."""
        held = []
        for name in LOCKS:
            if (self.path / name).exists():
                descriptor = server.lock(self.path / name)
                if descriptor is None:
                    held.append(name)
                else:
                    os.close(descriptor)
        return held

    def await_end(self) -> None:
        soon(lambda: not self.taken(), f"the end of all servers in {self.path}: {self.taken()}")

    def kill(self, pid: int, lock: str) -> None:
        """Kill -9 and wait until the process and its children are dead."""
        os.kill(pid, signal.SIGKILL)
        soon(lambda: lock not in self.taken(), f"{lock} free")


@contextlib.contextmanager
def home_at(path: Path) -> Iterator[Home]:
    home = Home(path)
    try:
        yield home
    finally:
        for process in list(home.users):
            home.end(process)
        embedded.release(home.path)
        if "guardian.lock" not in home.taken() and home.taken():
            embedded.hold(home.settings)  # Orphans: a new guardian adopts them and stops them when we let go.
            embedded.release(home.path)
        home.await_end()
        shutil.rmtree(path, ignore_errors=True)


def copied(used: Path, path: Path) -> None:
    """Make a home with the data directory of one that was used; its ports are chosen anew."""
    path.mkdir(mode=0o700)
    shutil.copytree(used / "postgres", path / "postgres")
    password = guardian.read(used / "services.json")["postgres"]["password"]
    (path / "services.json").write_text(json.dumps({"postgres": {"password": password}}))


def write_to(said: dict[str, str], value: str) -> None:
    with psycopg.connect(said["postgres"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])
    with redis.Redis.from_url(said["redis"]) as client:
        client.rpush("kept", value)


def read_from(said: dict[str, str]) -> tuple[list[str], list[str]]:
    with psycopg.connect(said["postgres"]) as connection:
        rows = [row[0] for row in connection.execute("SELECT value FROM kept")]
    with redis.Redis.from_url(said["redis"]) as client:
        return rows, [item.decode() for item in client.lrange("kept", 0, -1)]


def answers(said: dict[str, str]) -> bool:
    try:
        read_from(said)
    except (psycopg.Error, redis.RedisError):
        return False
    return True


def roomy_home() -> Path:
    """A directory that every user can enter, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="pkgintel-test-"))
    directory.chmod(0o755)
    return directory
