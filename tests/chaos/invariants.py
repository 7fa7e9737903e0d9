"""What must hold after each round, and at the end."""

import contextlib
import time
from datetime import datetime

import psycopg
import redis

from tests.chaos.stack import QUEUES, Stack
from tests.chaos.world import SECOND, World
from tests.support import tables
from tests.support.catalogs import ZERO
from tests.support.hostile import HostileServer

BEHIND_REJECTS = "behind with rejected leaves:"  # So many are still asked for again.


class Broken(AssertionError):
    """The pipeline did not come to the right end."""


class Stuck(Broken):
    """The pipeline did not come right in time, or a worker ended by itself. Nothing is known to be lost or wrong."""


class Invariants:
    """The questions to Postgres, Redis and the logs whose answers are known. Every check raises: Broken."""

    def __init__(self, stack: Stack, world: World, server: HostileServer) -> None:
        self.stack = stack
        self.world = world
        self.server = server
        self.begun = time.monotonic()

    def busy(self) -> bool:
        """Whether a run is running."""
        return bool(self.stack.rows("SELECT FROM ops.runs WHERE state = 'running'"))

    def wrong(self) -> list[str]:
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
                       AS undecided,
                   (SELECT count(*) FROM ops.rejected_leaves WHERE resolved_at IS NULL) AS rejected
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
        if found["rejected"]:
            wrong.append(f"{BEHIND_REJECTS} {found['rejected']}")
        return wrong

    def check_tables(self) -> None:
        """The tables equal the oracle's, and every package that is not deleted has the verdict on its declaration."""
        with self.stack.conn() as conn:
            found = tables.differences(conn, self.world.events)
        if found:
            raise Broken(f"{len(found)} differences from the oracle, such as {found[:3]}\n{self.story()}")

    def check_runs(self) -> None:
        """No run says what cannot be, and no good leaf was rejected."""
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
        rejected = self.stack.rows(
            """SELECT leaf_url, error FROM ops.rejected_leaves
               WHERE leaf_url <> ALL (%s::text[]) OR resolved_at IS NULL LIMIT 3""",
            list(self.world.once_withheld),
        )
        if rejected:
            raise Broken(f"good leaves were rejected: {rejected}")

    def check_end(self, forgotten: int) -> None:
        """No lock, lease or message is left, no worker that was told to leave, and the clock ticked as it should.

        `forgotten` is how often Redis lost what it held, and with it the time of beat's last tick.
        """
        self.check_tables()
        end = time.monotonic() + 40
        while (left := self._left()) and time.monotonic() < end:
            self.stack.pause(0.2)
        if left:
            raise Broken(f"{'; '.join(left)}\n{self.story()}")
        sent = self.stack.beat.log.read_text().count("Sending due task upkeep") if self.stack.beat else 0
        most = (time.monotonic() - self.begun) / 10 + 1 + forgotten
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
