"""The benchmark's own servers, databases and workers, all in one temporary home."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg
import redis
from celery import Celery

from pkgintel import database
from pkgintel.database import migrations
from pkgintel.licenses.spdx import LicenseList
from pkgintel.local import guardian
from pkgintel.local import services as embedded
from pkgintel.local.services import Services
from pkgintel.pipeline import sync
from pkgintel.runtime import deployment
from pkgintel.settings import PREFIX, Deployment, Settings
from tests.bench.catalog import EXPRESSIONS
from tests.support.checkout import CHECKOUT
from tests.support.waiting import until

EMPTY = """
    TRUNCATE raw.read_versions, raw.unread_versions, raw.unread_packages,
             raw.nuget_packages, raw.license_declarations, enriched.declaration_verdicts,
             enriched.nuget_package_oss_status, enriched.verdict_changes, enriched.classification, ops.catalog,
             ops.watermarks, ops.runs, ops.run_pages, ops.run_texts, ops.rejected_leaves, ops.check_results
    RESTART IDENTITY
"""


def license_list(version: str) -> LicenseList:
    """A license list as large as the real one: 700 licenses, 80 exceptions."""
    words = {word.strip("()") for text in EXPRESSIONS for word in text.split()}
    used = sorted(words - {"AND", "OR", "WITH", "Classpath-exception-2.0"})
    licenses_ = [
        {
            "licenseId": one,
            "name": f"{one} License",
            "isOsiApproved": number < 150,
            "isFsfLibre": number % 3 == 0,
            "isDeprecatedLicenseId": False,
            "reference": f"https://licenses.bench/{one}.html",
            "detailsUrl": f"https://licenses.bench/{one}.json",
            "seeAlso": [f"https://licenses.bench/{one}", f"https://terms.bench/{number}/license.txt"],
        }
        for number, one in enumerate([*used, *(f"Bench-{number}" for number in range(700 - len(used)))])
    ]
    named = ["Classpath-exception-2.0", *(f"Bench-exception-{number}" for number in range(80))]
    exceptions = [{"licenseExceptionId": one, "name": one} for one in named]
    return LicenseList.parse(
        json.dumps({"licenseListVersion": version, "licenses": licenses_}).encode(),
        json.dumps({"licenseListVersion": version, "exceptions": exceptions}).encode(),
    )


class World:
    """Embedded Postgres and Valkey, and what is made in them."""

    def __init__(self, services: Services, home: Path) -> None:
        self.services = services
        self.home = home
        self._databases = 0
        with self.admin() as admin:
            admin.execute("CREATE DATABASE template_bench")
        url = services.postgres_url_for("template_bench")
        migrations.apply(url)
        with database.connect(url) as conn, conn.transaction():
            sync.rewrite(conn, license_list("1.0"))

    @contextmanager
    def admin(self) -> Iterator["psycopg.Connection[Any]"]:
        """A connection that may make databases."""
        with psycopg.connect(self.services.postgres_url_for("postgres"), autocommit=True) as conn:
            yield conn

    def settings(self, service_index: str, **changes: Any) -> Deployment:
        """Settings with a new database (schema, license list) and an empty Redis of its own."""
        self._databases += 1
        name = f"bench_{self._databases}"
        with self.admin() as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE template_bench")
        redis_url = self.services.redis_url_for(self._databases)
        values = {
            "home": self.home,
            "database_url": self.services.postgres_url_for(name),
            "redis_url": redis_url,
            "service_index_url": service_index,
        }
        return Deployment.model_validate(values | changes)

    def drop(self, settings: Deployment) -> None:
        """Drop the database of `settings`, so that what is done with costs nothing more."""
        with self.admin() as admin, contextlib.suppress(psycopg.Error):
            admin.execute(f"DROP DATABASE {settings.database_url.partition('?')[0].rpartition('/')[2]} (FORCE)")

    def checkpoint(self) -> None:
        """Let no measurement pay for the writes of the one before."""
        with self.admin() as admin:
            admin.execute("CHECKPOINT")


@contextmanager
def world() -> Iterator[World]:
    """Everything in a temporary directory, gone at the end. No setting of the machine is seen."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="pkgintel-bench-"))
    try:
        yield World(embedded.hold(Settings(home=home)), home)
    finally:
        embedded.release()
        with contextlib.suppress(AssertionError):  # A guardian that does not end keeps nothing that is needed.
            os.close(until(lambda: guardian.take(home), "the servers have ended"))
        shutil.rmtree(home, ignore_errors=True)


SCAN_SECONDS = 300.0  # So long a scan may take, and what follows from it.
PAUSE = 0.02  # Seconds between two looks at a run.
# What the runs behind one have read: leaves, the seconds that their pages took, those from the first to the last run.
READ = """
    SELECT sum(leaves)::int AS leaves, sum(reading)::float8 AS reading,
           extract(epoch FROM max(finished_at) - min(started_at))::float8 AS seconds
    FROM (SELECT r.started_at, r.finished_at, sum(p.leaves) AS leaves,
                 CASE WHEN sum(p.leaves) > 0
                      THEN extract(epoch FROM max(p.finished_at) - min(p.started_at)) END AS reading
          FROM ops.runs r JOIN ops.run_pages p ON p.run_id = r.id
          WHERE r.id > %s AND r.source = 'nuget' AND r.action IN ('scan', 'read')
          GROUP BY r.id) AS run
"""


def _ended(conn: database.Connection, last: int) -> dict[str, Any] | None:
    """The first scan behind run `last`, once it has ended."""
    return conn.execute(
        "SELECT *, extract(epoch FROM finished_at - started_at)::float8 AS seconds FROM ops.runs"
        " WHERE id > %s AND source = 'nuget' AND state <> 'running' ORDER BY id LIMIT 1",
        (last,),
    ).fetchone()


def _is_all_read(conn: database.Connection, last: int) -> bool:
    """Whether the runs behind run `last` have read every version that they made known."""
    query = (
        "SELECT NOT EXISTS (SELECT FROM raw.unread_versions)"
        " AND NOT EXISTS (SELECT FROM ops.runs WHERE id > %s AND action = 'read' AND state = 'running') AS through"
    )
    return bool((conn.execute(query, (last,)).fetchone() or {})["through"])


def _is_settled(conn: database.Connection, last: int) -> bool:
    """Whether nothing comes any more of the runs behind run `last`, and no other is running."""
    open_runs = "SELECT FROM ops.runs WHERE (settled_at IS NULL AND id > %s) OR state = 'running'"
    return conn.execute(open_runs, (last,)).fetchone() is None


class Workers:
    """One Celery worker of `processes` processes, as `pkgintel run` starts it, with a database of its own."""

    def __init__(self, settings: Deployment, processes: int) -> None:
        self.settings = settings
        self.processes = processes
        self.app = Celery(broker=settings.redis_url, backend=settings.redis_url)
        self._log = (settings.home / f"worker-{settings.max_in_flight}-{processes}-{time.time_ns()}.log").open("wb")
        words = [sys.executable, "-m", "celery", "-A", "pkgintel", "worker", "-c", str(processes), "-l", "INFO"]
        self._process = subprocess.Popen(
            [*words, "-n", f"bench-{time.time_ns()}@%h"],
            cwd=CHECKOUT,
            env={**os.environ, **deployment.environment(settings)},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )

    def scan(self, *, pages: int | None = None, empty: bool = True) -> dict[str, Any]:
        """One scan from its task to its end: the row of its run with `rate` (leaves/s) and `spread` of its pages."""
        with database.connect(self.settings.database_url) as conn:
            if empty:
                conn.execute(EMPTY)
            last = (conn.execute("SELECT max(id) AS id FROM ops.runs").fetchone() or {})["id"] or 0
            conn.execute("CHECKPOINT")
            begun = time.perf_counter()
            self.app.send_task("catalog.scan", kwargs={"kind": "manual", "max_pages": pages}, queue="catalog")
            run = until(lambda: _ended(conn, last), f"the scan has ended; see {self._log.name}", SCAN_SECONDS, PAUSE)
            if run["state"] not in ("done", "caught_up"):
                raise RuntimeError(f"the scan did not end well: {run['error']}; see {self._log.name}")
            if run["knows"]:
                until(lambda: _is_all_read(conn, last), "all that is known is read", SCAN_SECONDS, PAUSE)
            run["wall"] = time.perf_counter() - begun
            read = conn.execute(READ, (last,)).fetchone()
            assert read is not None
            run |= {name: value for name, value in read.items() if value is not None}
            until(lambda: _is_settled(conn, last), "what follows from the scan is through", SCAN_SECONDS, PAUSE)
            return run

    def idle_pages(self, count: int) -> float:
        """Seconds for each of `count` page tasks of a run that is gone: everything but the page."""
        begun = time.perf_counter()
        sent = [
            self.app.send_task("catalog.upsert_page", args=(2**40, self.settings.service_index_url), queue="pages")
            for _ in range(count)
        ]
        for one in sent:
            one.get(timeout=120)
        return (time.perf_counter() - begun) / count

    @property
    def children(self) -> list[psutil.Process]:
        """The pool processes, in the order they were started."""
        return sorted(psutil.Process(self._process.pid).children(), key=lambda child: child.pid)

    def memory(self) -> dict[int, float]:
        """Resident MB of each pool process."""
        return {child.pid: child.memory_info().rss / 1e6 for child in self.children}

    def peaks(self) -> list[float]:
        """The most resident MB that each pool process ever had; as much as now where the system does not say."""
        found = []
        for child in self.children:
            with contextlib.suppress(OSError, LookupError, ValueError):
                status = Path(f"/proc/{child.pid}/status").read_text()
                found.append(int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6)
        return found or list(self.memory().values())

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU so far of the pool processes, the worker's main process, Postgres and Valkey."""
        found = {"workers": 0.0, "worker's main process": 0.0, "Postgres": 0.0, "Valkey": 0.0}
        main, home = psutil.Process(self._process.pid), str(self.settings.home)
        port = f":{urlsplit(self.settings.redis_url).port}"
        kinds = {main.pid: "worker's main process"} | {child.pid: "workers" for child in self.children}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                text = " ".join(process.cmdline())
                if "valkey-server" in text and text.endswith(port):  # It names its address alone, whatever it was told.
                    kinds[process.pid] = "Valkey"
                elif home in text and "postgres -D" in text:
                    kinds |= {one.pid: "Postgres" for one in [process, *process.children()]}
        for pid, kind in kinds.items():
            with contextlib.suppress(psutil.Error):
                used = psutil.Process(pid).cpu_times()
                found[kind] += used.user + used.system
        return found

    def redis_peak(self) -> float:
        """MB that Valkey used at most since it was last reset."""
        with redis.Redis.from_url(self.settings.redis_url) as client:
            return float(client.info("memory")["used_memory_peak"]) / 1e6

    def redis_reset(self) -> float:
        """Begin a new peak; MB used now."""
        with redis.Redis.from_url(self.settings.redis_url) as client:
            client.config_resetstat()
            client.execute_command("MEMORY", "PURGE")
            return float(client.info("memory")["used_memory"]) / 1e6

    def stop(self) -> None:
        """End the worker."""
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()
        self._log.close()
        self.app.close()


def growth(before: dict[int, float], after: dict[int, float]) -> list[float]:
    """By how many percent each process grew that was there before and after; a worker replaces its own now and then."""
    return [100 * (after[pid] / before[pid] - 1) for pid in before if pid in after]


def _die_with_parent() -> None:
    """Linux ends the worker when the benchmark is gone, however it went (prctl, PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
