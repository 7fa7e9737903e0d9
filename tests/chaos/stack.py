"""All that is at work: Postgres, Valkey, workers and a beat."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from pkgintel import database
from pkgintel.database import migrations
from pkgintel.local.postgres import Postgres
from pkgintel.local.valkey import Valkey
from tests.chaos.program import Program
from tests.support.checkout import CHECKOUT

LOST_AFTER = 4.0
QUEUES = {"catalog": "catalog", "spdx": "catalog", "ops": "ops", "verdicts": "verdicts", "checks": "ops"}


class Stack:
    """Postgres, Valkey, two workers and a beat, on addresses that stay the same when they are started again."""

    def __init__(self, home: Path, address: str, changes: Mapping[str, str]) -> None:
        """At work for the catalog at `address`, its service index; `changes` are settings of its own."""
        self.home = home
        (home / "logs").mkdir()
        self.postgres, self.valkey = Postgres(home, None), Valkey(home, None)
        self.workers: list[Program] = []
        self.leaving: list[Program] = []
        self.spared: list[Program] = []  # Nobody strikes these.
        self.beat: Program | None = None
        self.beats = self._started = 0
        self._changes = {"PKGINTEL_SERVICE_INDEX_URL": address, **changes}
        self._conn: database.Connection | None = None

    def start(self) -> None:
        self.postgres.start()
        self.valkey.start()
        self._ports = self.postgres.port, self.valkey.port
        with database.connect(self.postgres.url("postgres")) as conn:
            # A killed process loses nothing by it, and the disk is not what is tested here.
            conn.execute("ALTER SYSTEM SET fsync = off")
            conn.execute("SELECT pg_reload_conf()")
            conn.execute("CREATE DATABASE chaos")
        self.database_url = self.postgres.url("chaos")
        migrations.apply(self.database_url)
        self.redis_url = f"redis://:{self.valkey.password}@127.0.0.1:{self.valkey.port}/0"
        ours = {
            "PKGINTEL_DATABASE_URL": self.database_url,
            "PKGINTEL_REDIS_URL": self.redis_url,
            "PKGINTEL_HOME": str(self.home),
            "PKGINTEL_LOST_AFTER": str(LOST_AFTER),
            "PKGINTEL_PAGES_PER_SCAN": "5",
            "PKGINTEL_OVERLAP": "60",
            "PKGINTEL_MAX_IN_FLIGHT": "6",
            "PKGINTEL_REQUEST_TIMEOUT": "2",
            "PKGINTEL_REQUEST_ATTEMPTS": "3",
            **self._changes,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PKGINTEL_")}
        self.environ = {**kept, **ours, "PYTHONPATH": str(CHECKOUT)}
        self.app = Celery("chaos", broker=self.redis_url, set_as_current=False)
        self.app.conf.update(task_ignore_result=True, broker_transport_options={"socket_timeout": 5})
        for _ in range(2):
            self.add_worker()
        self.tend()

    def add_worker(self) -> None:
        self._started += 1
        name = f"worker{self._started}"
        words = ["worker", "-c", "2", "-n", f"{name}@chaos", "--loglevel=INFO"]
        self.workers.append(Program(name, words, self.environ, self.home / "logs"))

    def spare(self, name: str, words: list[str]) -> Program:
        """Start a process of Celery that no fault strikes itself."""
        program = Program(name, words, self.environ, self.home / "logs")
        self.spared.append(program)
        return program

    def tend(self) -> None:
        """Start beat where it ended, bury workers that have left."""
        if self.beat is None or not self.beat.running():
            self.beats += 1
            self.beat = Program("beat", ["beat", "--loglevel=INFO"], self.environ, self.home / "logs")
        self.leaving = [worker for worker in self.leaving if worker.running()]

    def pause(self, seconds: float) -> None:
        """Let so much time pass."""
        self.tend()
        threading.Event().wait(seconds)

    def send(self, task: str, **kwargs: Any) -> None:
        """Send a task as an operator would; where Redis does not answer, nothing is sent."""
        queue = QUEUES[task.partition(".")[0]]
        with contextlib.suppress(OperationalError, redis.RedisError, OSError):
            expires = 5 if task == "ops.upkeep" else None
            self.app.send_task(task, kwargs=kwargs, queue=queue, expires=expires, retry=False)

    def rows(self, query: str, *parameters: Any) -> list[database.Row]:
        """Ask Postgres, over a new connection when the last one was broken."""
        for again in (True, False):
            try:
                if self._conn is None or self._conn.closed:
                    self._conn = database.connect(self.database_url)
                return self._conn.execute(query, parameters).fetchall()
            except psycopg.OperationalError:
                if self._conn is not None:
                    self._conn.close()
                if not again:
                    raise
        raise AssertionError

    @contextlib.contextmanager
    def conn(self) -> Iterator[database.Connection]:
        with database.connect(self.database_url) as conn:
            yield conn

    def kill_server(self, server: Postgres | Valkey) -> None:
        os.kill(server.pid, signal.SIGKILL)
        assert server.child is not None
        server.child.wait()

    def start_server(self, server: Postgres | Valkey) -> None:
        server.start()
        assert (self.postgres.port, self.valkey.port) == self._ports, "somebody else took a port"

    def stop(self) -> None:
        """End it all: first who works, then what they work with."""
        programs = [*self.workers, *self.leaving, *self.spared, *([self.beat] if self.beat else [])]
        for program in programs:
            program.signal_group(signal.SIGCONT)
            with contextlib.suppress(ProcessLookupError):
                os.kill(program.popen.pid, signal.SIGTERM)
        end = time.monotonic() + 15
        while any(program.running() for program in programs) and time.monotonic() < end:
            threading.Event().wait(0.1)
        for program in programs:
            program.kill()
        if self._conn is not None:
            self._conn.close()
        if hasattr(self, "app"):
            self.app.close()
        self.valkey.stop()
        self.postgres.stop()

    def replace(self, worker: Program) -> None:
        """Another worker in the place of this one."""
        self.workers.remove(worker)
        self.add_worker()
