"""What strikes in a round: each kind of fault by its name."""

import contextlib
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable

import redis

from pkgintel import database
from tests.chaos.program import Program
from tests.chaos.stack import LOST_AFTER, Stack
from tests.chaos.world import World
from tests.support.answers import Answer


class Faults:
    """Every kind of fault, against one stack and one catalog; `chance` says whom it hits and for how long."""

    def __init__(self, stack: Stack, world: World, chance: random.Random) -> None:
        self.stack = stack
        self.world = world
        self.chance = chance
        self.of_redis = 0  # How many of them made Redis forget something.
        self.kinds: dict[str, Callable[[], None]] = {
            "worker-killed": self._worker_killed,
            "child-killed": self._child_killed,
            "warm-deploy": lambda: self._deploy(signal.SIGTERM),
            "cold-deploy": lambda: self._deploy(signal.SIGQUIT),
            "worker-frozen": self._worker_frozen,
            "scans-own-worker-killed": self._scans_own_worker_killed,
            "callback-killed": self._callback_killed,
            "redis-killed": lambda: self._redis_killed(journal=True),
            "redis-emptied": lambda: self._redis_killed(journal=False),
            "redis-flushed": self._redis_flushed,
            "redis-refuses": self._redis_refuses,
            "postgres-killed": self._postgres_killed,
            "connections-cut": self._connections_cut,
            "beat-killed": self._beat_killed,
            "catalog-refuses": self._catalog_refuses,
        }

    def soon(self, most: float = 1.5) -> None:
        """Let a random time pass, of at most so many seconds."""
        self.stack.pause(self.chance.uniform(0, most))

    def _any(self) -> Program:
        return self.chance.choice(self.stack.workers)

    def _worker_killed(self) -> None:
        worker = self._any()
        worker.kill()
        self.soon()
        self.stack.replace(worker)

    def _child_killed(self) -> None:
        worker = self._any()
        children = worker.children()
        if children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.chance.choice(children), signal.SIGKILL)
                worker.struck = True

    def _deploy(self, number: int) -> None:
        worker = self._any()
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.popen.pid, number)
        self.stack.leaving.append(worker)
        self.stack.replace(worker)

    def _worker_frozen(self) -> None:
        worker = self._any()
        worker.signal_group(signal.SIGSTOP)
        self.stack.pause(self.chance.uniform(0.5, LOST_AFTER + 2))
        worker.signal_group(signal.SIGCONT)

    def _scans_own_worker_killed(self) -> None:
        """kill -9 of the worker that dispatched the chord, while its pages are read."""
        found = self._watch(
            "SELECT task_id FROM ops.runs WHERE state = 'running' AND action = 'scan' AND pages_total > 0"
        )
        for worker in [*self.stack.workers]:
            if found and f"Task catalog.scan[{found[0]['task_id']}] received".encode() in worker.log.read_bytes():
                worker.kill()
                self.soon()
                self.stack.replace(worker)

    def _callback_killed(self) -> None:
        """kill -9 of both workers at the moment when every page is done and the callback has not fired."""
        self._watch(
            """SELECT FROM ops.runs r WHERE state = 'running' AND pages_total > 0
                AND NOT EXISTS (SELECT FROM ops.run_pages WHERE run_id = r.id AND state <> 'done')"""
        )
        workers = [*self.stack.workers]
        for worker in workers:
            worker.signal_group(signal.SIGKILL)
        for worker in workers:
            worker.kill()
            self.stack.replace(worker)

    def _watch(self, query: str) -> list[database.Row]:
        """The rows of `query` as soon as there are any, for a few seconds."""
        end = time.monotonic() + 4
        while time.monotonic() < end:
            if found := self.stack.rows(query):
                return found
            threading.Event().wait(0.001)
        return []

    def _redis_killed(self, *, journal: bool) -> None:
        self.of_redis += 1
        self.stack.kill_server(self.stack.valkey)
        if not journal:
            shutil.rmtree(self.stack.valkey.directory / "appendonlydir")
        self.soon()
        self.stack.start_server(self.stack.valkey)

    def _redis_flushed(self) -> None:
        self.of_redis += 1
        with redis.Redis.from_url(self.stack.redis_url) as client:
            client.flushall()

    def _redis_refuses(self) -> None:
        """Redis is there and takes no writes for a while, as when its disk is full or it became a replica."""
        with redis.Redis.from_url(self.stack.redis_url) as client:
            client.config_set("min-replicas-to-write", 1)
            self.stack.pause(self.chance.uniform(1, 4))
            client.config_set("min-replicas-to-write", 0)

    def _postgres_killed(self) -> None:
        self.stack.kill_server(self.stack.postgres)
        self.soon()
        self.stack.start_server(self.stack.postgres)

    def _connections_cut(self) -> None:
        self.stack.rows(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"""
        )

    def _beat_killed(self) -> None:
        if self.stack.beat is not None:
            self.stack.beat.kill()

    def _catalog_refuses(self) -> None:
        self.world.trouble = self.chance.choice(
            [
                Answer(status=503),
                Answer(refuse=True),
                Answer(b"{" * 500, reset_after=100),
                Answer(status=429, retry_after=1),
            ]
        )
        self.stack.pause(self.chance.uniform(0.3, 1.5))
        self.world.trouble = None
