"""Breaking the real thing at random: two workers, a beat, Postgres and Valkey, killed while they work.

    python -m tests.chaos --rounds 100 --seed 7        # or: make chaos ROUNDS=100 SEED=7

Each round the catalog grows, work is sent, one or two faults strike at a random moment, and once they are over the
pipeline has to come to the right end by itself, with one more tick at most. The seed decides everything but the clock.
All that is started here has a home of its own in a temporary directory, and is stopped at the end, whatever happens.
"""

import argparse
import contextlib
import ctypes
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from pkgintel import database
from pkgintel.local.postgres import Postgres
from pkgintel.local.valkey import Valkey
from tests.support import tables
from tests.support.catalogs import ZERO, Catalog, delete, details
from tests.support.checkout import CHECKOUT
from tests.support.hostile import Answer, HostileServer

LOST_AFTER = 4.0
PATIENCE = 90.0  # Seconds a round may take to come to its right end once the faults are over.
QUEUES = {"catalog": "catalog", "spdx": "catalog", "ops": "ops", "verdicts": "verdicts", "checks": "ops"}
SECOND = 10**7


class Broken(AssertionError):
    """The pipeline did not come to the right end."""


class Stuck(Broken):
    """The pipeline did not come right in time, or a worker ended by itself. Nothing is known to be lost or wrong."""


class World(Catalog):
    """The catalog as nuget.org would serve it, growing, and now and then out of order."""

    IDS = (*(f"Package.{number}" for number in range(12)), "Alpha", "ALPHA", "Kilo", "\u212ailo")
    VERSIONS = ("1.0.0", "1.0", "1.0.0+build.7", "1.1.0-beta.2", "1.1.0-beta.10", "2.0.0.1", "2.0.0-rc", "0.9.0", "3.0")
    SAID: tuple[dict[str, Any], ...] = (
        {},
        {"licenseExpression": "OSI-1", "licenseUrl": "https://licenses.nuget.org/OSI-1"},
        {"licenseExpression": "OSI-2 OR Closed-1"},
        {"licenseExpression": "Closed-1 AND OSI-3"},
        {"licenseFile": "LICENSE", "licenseUrl": "https://aka.ms/deprecateLicenseUrl"},
        {"licenseUrl": "http://example.org/terms"},
        {"listed": False, "published": "1900-01-01T00:00:00Z"},
        {"listed": None},
        {"deprecation": {"reasons": ["Legacy"]}, "projectUrl": "http://example.org/"},
    )
    STEPS = (0, 1, 9, 10, 7 * 10**6, SECOND, 5 * SECOND, 40 * SECOND)

    def __init__(self, server: HostileServer, chance: random.Random) -> None:
        super().__init__(server.origin)
        self.server = server
        self.chance = chance
        self.trouble: Answer | None = None  # What everybody gets instead, while it lasts.
        self.list_version = 0
        self._guard = threading.RLock()
        self._now = 0
        self._room = 0
        self._last = ""
        self._used: set[str] = set()
        self.new_license_list()
        server.fallback = self._answer

    def _answer(self, path: str) -> Answer | None:
        with self._guard:
            if self.trouble:
                return self.trouble
            body = self._leaves.get(path) or self._document(path)
        return None if body is None else Answer(body)

    def grow(self, events: int, *, whole: bool = True) -> None:
        """Add events to the open page and to new ones; unless `whole`, the index is not told of the open page yet."""
        with self._guard:
            for _ in range(events):
                self._add()
            self.publish() if whole or self._last not in self.index else self.publish(stale={self._last})

    def settle(self) -> None:
        """No more trouble, and the index says all."""
        with self._guard:
            self.trouble = None
            self.publish()

    @property
    def newest(self) -> int:
        """The newest commit, in ticks."""
        with self._guard:
            return max(self.index.values(), default=ZERO)

    def new_license_list(self) -> None:
        """The SPDX list in a new version; OSI-3 is approved in every second one."""
        self.list_version += 1
        names = [*(f"OSI-{number}" for number in range(1, 111)), "Closed-1"]
        licenses = [
            {
                "licenseId": name,
                "name": name,
                "isOsiApproved": name.startswith("OSI") and (name != "OSI-3" or self.list_version % 2 == 0),
                "isDeprecatedLicenseId": False,
                "seeAlso": [f"http://example.org/{name}"],
            }
            for name in names
        ]
        version = f"9.{self.list_version}"
        self.server.put("/spdx/exceptions.json", {"licenseListVersion": version, "exceptions": []})
        self.server.put("/spdx/licenses.json", {"licenseListVersion": version, "licenses": licenses})

    def _add(self) -> None:
        chance = self.chance
        if not self._room:
            before, self._room = self._last, chance.randint(6, 14)
            self._last = f"page{len(self.pages)}"
            if before and chance.random() < 0.3:
                self.add(self._last, self.pages[before][-1])  # A leaf that is listed twice.
        self._now += chance.choice(self.STEPS)
        self._room -= 1
        while True:
            package, version = chance.choice(self.IDS), chance.choice(self.VERSIONS)
            if chance.random() < 0.15:
                event = delete(package, version, self._now, base=self.base)
            else:
                event = details(package, version, self._now, base=self.base, **chance.choice(self.SAID))
            if event.url not in self._used:
                break
            self._now += 1
        self._used.add(event.url)
        self.add(self._last, event)


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


class Stack:
    """Postgres, Valkey, two workers and a beat, on addresses that stay the same when they are started again."""

    def __init__(self, home: Path, world: World) -> None:
        self.home = home
        (home / "logs").mkdir()
        self.postgres, self.valkey = Postgres(home, None), Valkey(home, None)
        self.workers: list[Program] = []
        self.leaving: list[Program] = []
        self.beat: Program | None = None
        self.beats = self._started = 0
        self._world = world
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
        database.migrate(self.database_url)
        self.redis_url = f"redis://:{self.valkey.password}@127.0.0.1:{self.valkey.port}/0"
        base = self._world.base
        ours = {
            "PKGINTEL_DATABASE_URL": self.database_url,
            "PKGINTEL_REDIS_URL": self.redis_url,
            "PKGINTEL_HOME": str(self.home),
            "PKGINTEL_SERVICE_INDEX_URL": f"{base}/v3/index.json",
            "PKGINTEL_SPDX_LICENSES_URL": f"{base}/spdx/licenses.json",
            "PKGINTEL_SPDX_EXCEPTIONS_URL": f"{base}/spdx/exceptions.json",
            "PKGINTEL_LOST_AFTER": str(LOST_AFTER),
            "PKGINTEL_PAGES_PER_SCAN": "5",
            "PKGINTEL_OVERLAP": "60",
            "PKGINTEL_MAX_IN_FLIGHT": "6",
            "PKGINTEL_REQUEST_TIMEOUT": "2",
            "PKGINTEL_REQUEST_ATTEMPTS": "3",
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
        programs = [*self.workers, *self.leaving, *([self.beat] if self.beat else [])]
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


class Chaos:
    """The rounds, and what must hold after each."""

    def __init__(self, home: Path, server: HostileServer, seed: int, say: Callable[[str], None]) -> None:
        self.chance = random.Random(seed)
        self.world = World(server, random.Random(seed + 1))
        self.server = server
        self.stack = Stack(home, self.world)
        self.say = say
        self.recoveries: dict[str, list[float]] = defaultdict(list)
        self.ticks = self.redis_faults = self.busy = 0
        self.begun = time.monotonic()
        self.faults: dict[str, Callable[[], None]] = {
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
            "postgres-killed": self._postgres_killed,
            "connections-cut": self._connections_cut,
            "beat-killed": self._beat_killed,
            "catalog-refuses": self._catalog_refuses,
        }

    # --- faults --------------------------------------------------------------------------------------------------

    def _soon(self, most: float = 1.5) -> None:
        self.stack.pause(self.chance.uniform(0, most))

    def _any(self) -> Program:
        return self.chance.choice(self.stack.workers)

    def _replace(self, worker: Program) -> None:
        self.stack.workers.remove(worker)
        self.stack.add_worker()

    def _worker_killed(self) -> None:
        worker = self._any()
        worker.kill()
        self._soon()
        self._replace(worker)

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
        self._replace(worker)

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
                self._soon()
                self._replace(worker)

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
            self._replace(worker)

    def _watch(self, query: str) -> list[database.Row]:
        """The rows of `query` as soon as there are any, for a few seconds."""
        end = time.monotonic() + 4
        while time.monotonic() < end:
            if found := self.stack.rows(query):
                return found
            threading.Event().wait(0.001)
        return []

    def _redis_killed(self, *, journal: bool) -> None:
        self.redis_faults += 1
        self.stack.kill_server(self.stack.valkey)
        if not journal:
            shutil.rmtree(self.stack.valkey.directory / "appendonlydir")
        self._soon()
        self.stack.start_server(self.stack.valkey)

    def _redis_flushed(self) -> None:
        self.redis_faults += 1
        with redis.Redis.from_url(self.stack.redis_url) as client:
            client.flushall()

    def _postgres_killed(self) -> None:
        self.stack.kill_server(self.stack.postgres)
        self._soon()
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

    # --- a round -------------------------------------------------------------------------------------------------

    def round(self, number: int, kinds: list[str]) -> None:
        """Grow, send, break, and see it come right."""
        chance, stack = self.chance, self.stack
        whole, later = chance.random() < 0.75, chance.random() < 0.25
        self.world.grow(chance.randint(20, 140), whole=whole)
        work: list[tuple[str, dict[str, Any]]] = [("catalog.scan", {})]
        if chance.random() < 0.3:
            work.append(("catalog.scan", {"kind": "scheduled"}))
        if chance.random() < 0.3:
            self.world.new_license_list()
            work.append(("spdx.sync", {}))
        if chance.random() < 0.2:
            work.append(("verdicts.classify", {}))
        if number and chance.random() < 0.3:
            page = chance.choice(list(self.world.index))
            wanted = [{"package": "Alpha"}, {"page": self.world.url(page)}, {"rejected": True}, {"since": "2024-05-01"}]
            work.append(("catalog.replay", chance.choice(wanted)))
        chance.shuffle(work)
        for task, kwargs in work:
            stack.send(task, **kwargs)
        self._soon(1.2)
        if later:
            self.world.grow(chance.randint(1, 20), whole=whole)
        for kind in kinds:
            self.busy += self._is_busy()
            self.faults[kind]()
        self.world.settle()
        seconds, ticked = self._recover(tick=later or not whole)
        self.ticks += ticked
        for kind in kinds:
            self.recoveries[kind].append(seconds)
        told = ", ".join(task.partition(".")[2] + (f" {next(iter(with_))}" if with_ else "") for task, with_ in work)
        self.say(
            f"round {number + 1}: {told} | {' + '.join(kinds)} | right after {seconds:.1f} s"
            + (" and one more tick" if ticked else "")
        )
        self._check_runs()
        self.check_tables()

    def _is_busy(self) -> bool:
        return bool(self.stack.rows("SELECT FROM ops.runs WHERE state = 'running'"))

    def _recover(self, *, tick: bool) -> tuple[float, bool]:
        """Wait until all is right; how long that took, and whether the one tick that is allowed was needed."""
        begun = time.monotonic()
        quiet_since: float | None = None
        if tick:
            self.stack.send("catalog.scan")
        next_upkeep = 0.0
        while True:
            now = time.monotonic()
            wrong = self._wrong()
            if not wrong:
                return now - begun, tick
            for worker in [worker for worker in self.stack.workers if worker.gave_up()]:
                self._replace(worker)  # As whoever keeps the workers does.
            dead = [worker.name for worker in self.stack.workers if not worker.running()]
            if dead:
                raise Stuck(f"{', '.join(dead)} ended, and nobody had killed it\n{self.story()}")
            if now - begun > PATIENCE:
                raise Stuck(f"not right after {PATIENCE:.0f} s: {'; '.join(wrong)}\n{self.story()}")
            busy = any(not line.startswith("behind") for line in wrong)
            quiet_since = None if busy else quiet_since or now
            if quiet_since and not tick and now - quiet_since > 2 * LOST_AFTER:
                tick = True
                self.stack.send("catalog.scan")
            if now > next_upkeep:
                next_upkeep = now + 1
                self.stack.send("ops.upkeep")
            self.stack.pause(0.1)

    def _wrong(self) -> list[str]:
        """What is not as it should be yet."""
        found = self.stack.rows(
            """
            SELECT (SELECT count(*) FROM ops.runs WHERE state = 'running') AS running,
                   (SELECT count(*) FROM ops.runs WHERE state = 'running' AND action = 'scan') AS scans,
                   (SELECT count(*) FROM ops.runs WHERE state IN ('done', 'caught_up') AND settled_at IS NULL
                       AND source <> 'verdicts') AS unsettled,
                   (SELECT watermark_ticks FROM ops.watermarks WHERE source = 'nuget') AS watermark,
                   (SELECT count(*)
                    FROM raw.nuget_packages p
                    FULL JOIN enriched.nuget_package_oss_status s USING (package_key)
                    WHERE CASE WHEN coalesce(p.state, 'deleted') = 'deleted' THEN s.package_key IS NOT NULL
                          ELSE s.package_key IS NULL OR s.declaration <> p.declaration
                               OR s.source_commit_timestamp <> p.commit_timestamp
                               OR s.spdx_list_version <> (SELECT max(list_version) FROM raw.spdx_licenses) END)
                       AS undecided
            """
        )[0]
        if found["scans"] > 1:
            raise Broken(f"{found['scans']} scans run at one time\n{self.story()}")
        wrong = []
        if found["running"]:
            wrong.append(f"{found['running']} runs are running")
        if found["unsettled"]:
            wrong.append(f"{found['unsettled']} finished runs wait for what follows")
        if found["watermark"] != self.world.newest:
            behind = (self.world.newest - (found["watermark"] or ZERO)) / SECOND
            wrong.append(f"behind by {behind:.7f} s")
        if found["undecided"]:
            wrong.append(f"behind with {found['undecided']} verdicts")
        return wrong

    # --- what must hold ------------------------------------------------------------------------------------------

    def check_tables(self) -> None:
        """The tables equal the oracle's, and every package that is not deleted has the verdict on its declaration."""
        with self.stack.conn() as conn:
            found = tables.differences(conn, self.world.events)
        if found:
            raise Broken(f"{len(found)} differences from the oracle, such as {found[:3]}\n{self.story()}")

    def _check_runs(self) -> None:
        bad = self.stack.rows(
            """
            SELECT r.id, r.action, r.state, r.pages_done, r.pages_failed, r.pages_total, r.leaves,
                   p.leaves AS of_pages, r.error
            FROM ops.runs r
            LEFT JOIN LATERAL (SELECT sum(leaves) AS leaves FROM ops.run_pages WHERE run_id = r.id) p ON true
            WHERE r.pages_done + r.pages_failed > r.pages_total
               OR (r.state = 'done' AND r.action IN ('scan', 'replay')
                   AND (r.pages_done <> r.pages_total OR r.leaves <> coalesce(p.leaves, 0)))
               OR (r.state IN ('failed', 'lost', 'skipped', 'aborted', 'blocked')) <> (r.error IS NOT NULL)
               OR r.error = '' OR r.error ~ 'Traceback|object at 0x|<class'
            """
        )
        if bad:
            raise Broken(f"runs that cannot be so: {bad[:3]}\n{self.story()}")
        asked = sum(request.path.startswith("/data/") for request in list(self.server.requests))
        counted = self.stack.rows("SELECT coalesce(sum(leaves), 0)::bigint AS leaves FROM ops.runs")[0]["leaves"]
        if counted > asked:
            raise Broken(f"{counted} leaves are counted, but only {asked} were asked for")
        rejected = self.stack.rows("SELECT leaf_url, error FROM ops.rejected_leaves LIMIT 3")
        if rejected:
            raise Broken(f"good leaves were rejected: {rejected}")

    def check_end(self) -> None:
        """No lock, lease or message is left, no worker that was told to leave, and the clock ticked as it should."""
        self.check_tables()
        end = time.monotonic() + 40
        while (left := self._left()) and time.monotonic() < end:
            self.stack.pause(0.2)
        if left:
            raise Broken(f"{'; '.join(left)}\n{self.story()}")
        sent = self.stack.beat.log.read_text().count("Sending due task upkeep") if self.stack.beat else 0
        most = (time.monotonic() - self.begun) / 60 + 1 + self.redis_faults
        if sent > most:
            raise Broken(f"beat sent upkeep {sent} times, {most:.0f} would be enough")

    def _left(self) -> list[str]:
        left = [f"worker {worker.name} was told to leave and has not" for worker in self.stack.leaving]
        locks = self.stack.rows(
            """SELECT locktype, mode, a.query FROM pg_locks l JOIN pg_stat_activity a USING (pid)
               WHERE locktype = 'advisory' OR a.state LIKE 'idle in transaction%%'"""
        )
        left += [f"lock {row}" for row in locks]
        with redis.Redis.from_url(self.stack.redis_url, decode_responses=True) as client:
            seconds, micros = client.time()
            for name, lease in client.hgetall("pkgintel:fleet:leases").items():
                if name != "@since" and int(lease.split()[2]) > seconds * 1000 + micros // 1000:
                    left.append(f"lease {name}: {lease}")
            left += [
                f"queue {name} holds {client.llen(name)}"
                for name in {*QUEUES.values(), "pages", "replays"}
                if client.llen(name)
            ]
        return left

    def story(self) -> str:
        """The last runs, their pages that are not done, and the ends of the logs."""
        lines = []
        with contextlib.suppress(psycopg.Error):
            for row in self.stack.rows(
                """SELECT id, action, kind, state, started_at, finished_at, heartbeat_at, pages_done, pages_total, more,
                          sends, cause_id, settled_at, error FROM ops.runs ORDER BY id DESC LIMIT 12"""
            ):
                times = {name: f"{value:%T.%f}"[:-3] for name, value in row.items() if isinstance(value, datetime)}
                lines.append(str({**row, **times}))
            lines += map(
                str, self.stack.rows("SELECT * FROM ops.run_pages WHERE state <> 'done' ORDER BY run_id DESC LIMIT 5")
            )
        for worker in (*self.stack.leaving, *self.stack.workers):
            told = worker.log.read_text(errors="replace").splitlines()
            lines += [f"--- {worker.name}", *[line for line in told if "ops.upkeep" not in line][-25:]]
        return "\n".join(lines)

    # --- all of it -----------------------------------------------------------------------------------------------

    def kinds(self, rounds: int) -> Iterator[list[str]]:
        """For each round its faults: every kind comes in turn, in a shuffled order, every third round has two."""
        names: list[str] = []
        for _ in range(rounds):
            if not names:
                names = sorted(self.faults)
                self.chance.shuffle(names)
            found = [names.pop()]
            if self.chance.random() < 0.35:
                found.append(self.chance.choice(sorted(self.faults)))
            yield found

    def perform(self, rounds: int, minutes: float | None = None) -> int:
        """The rounds; how many there were when the time was up."""
        try:
            self.stack.start()
            self.world.grow(40)
            self.stack.send("spdx.sync")
            self._recover(tick=True)
            done = 0
            for number, kinds in enumerate(self.kinds(rounds)):
                if minutes is not None and time.monotonic() - self.begun > minutes * 60:
                    break
                self.round(number, kinds)
                done += 1
            self.check_end()
            return done
        finally:
            self.stack.stop()

    def summary(self) -> str:
        """Time to recovery by fault, and in which words runs ended."""
        every = sorted(seconds for found in self.recoveries.values() for seconds in found)
        lines = [
            f"{len(every)} faults, {self.busy} of them while a run was running; right again after "
            f"{every[len(every) // 2]:.1f} s in the middle, {every[-1]:.1f} s at most",
            f"{self.ticks} rounds had one more tick, beat was started {self.stack.beats} times",
        ]
        for kind, found in sorted(self.recoveries.items()):
            mean = sum(found) / len(found)
            lines.append(f"  {kind:<24} {len(found):>3} × {mean:5.1f} s, at most {max(found):5.1f} s")
        return "\n".join(lines)


def perform(
    rounds: int, seed: int, say: Callable[[str], None], minutes: float | None = None, keep: bool = False
) -> int:
    """Rounds of chaos in a home of their own; how many there were. Raises: Broken."""
    say(f"seed {seed}")
    home = Path(tempfile.mkdtemp(prefix="pkgintel-chaos-"))
    try:
        with HostileServer(latency=0.04) as server:
            chaos = Chaos(home, server, seed, say)
            done = chaos.perform(rounds, minutes)
            say(chaos.summary())
            return done
    except Broken as error:
        raise type(error)(f"{error}\nseed {seed}") from None
    finally:
        if not keep:
            shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is printed")
    parser.add_argument("--minutes", type=float, default=None, help="no new round after so many minutes")
    parser.add_argument("--keep", action="store_true", help="leave the servers' files and the logs where they are")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # What was started is stopped then too.
    try:
        done = perform(given.rounds, seed, lambda line: print(line, flush=True), given.minutes, given.keep)
    except Broken as error:
        sys.exit(f"chaos: {error}")
    print(f"chaos: {done} rounds, all right")


if __name__ == "__main__":
    main()
