"""Scans without Celery: a catalog, a database, and the tasks' steps between the two, taken one by one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pkgintel import database
from pkgintel.pipeline import gate, page, page_write, pages, reading, scan, unread
from pkgintel.pipeline import runs as ledger
from pkgintel.pipeline.pages import PagePlan
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.settings import Deployment
from pkgintel.tasks import recovery
from pkgintel.upstream.client import Client
from pkgintel.upstream.slots import LocalLimit
from tests.support.catalogs import Catalog
from tests.support.tables import differences


def open_scan(
    conn: database.Connection,
    settings: Deployment,
    kind: Kind = Kind.MANUAL,
    task_id: str | None = None,
    root_id: int | None = None,
) -> int:
    """Begin a scan as `catalog.scan` does: what is lost is freed first."""
    recovery.free_lost(conn, settings)
    return ledger.open_run(conn, Source.NUGET, Action.SCAN, kind, task_id=task_id, root_id=root_id)


ONE_PAGE = "https://catalog.test/page0.json"


def of_one_page(conn: database.Connection) -> int:
    """A run of one page, `ONE_PAGE`, which is still to do: its newest item is of tick 7, the second of two."""
    run_id = ledger.open_run(conn, Source.NUGET, Action.SCAN, Kind.MANUAL)
    pages.add(conn, run_id, [PagePlan(ONE_PAGE, commit=7, count=2)])
    return run_id


class Bench:
    """A catalog, a database and a way to scan the one into the other."""

    def __init__(
        self, conn: database.Connection, settings: Deployment, catalog: Catalog, db: database.Database | None = None
    ) -> None:
        self.conn = conn
        self.settings = settings
        self.db = db or database.Database(settings.database_url)
        self.catalog = catalog
        self.limit = LocalLimit(8)
        self.client = Client(settings, transport=catalog, backoff=0.0)

    def close(self) -> None:
        self.client.close()
        self.db.close()

    def open(self, root: int | None = None) -> scan.ScanPlan | None:
        """Begin a scan; None when it is caught up at once."""
        run_id = open_scan(self.conn, self.settings, root_id=root)
        return scan.plan(self.conn, self.settings, self.client, run_id)

    def read(self, run_id: int, url: str) -> page_write.PageResult:
        return page.store_page(self.db, self.settings, self.client, self.limit.lease, run_id, url)

    def finish(self, run_id: int) -> scan.ScanEnd:
        return scan.finish(self.conn, self.settings, run_id)

    def scan(self, root: int | None = None) -> scan.ScanEnd | None:
        """One scan from its opening to its end."""
        opened = self.open(root)
        if opened is None:
            return None
        for url in opened.pages:
            self.read(opened.run_id, url)
        return self.finish(opened.run_id)

    def read_unread(self, *, rest: bool = True) -> list[int]:
        """Read what is known and unread, as far as it is wanted, round after round: the ids of these runs."""
        ids: list[int] = []
        while (wanted := reading.wanted(self.conn, self.settings)) and (wanted.speakers or rest):
            ids.append(reading.open_run(self.conn, None))
            for name in reading.plan(self.conn, self.settings, self.client, ids[-1]).pages:
                self.read_leaves(ids[-1], name)
            assert reading.finish(self.conn, self.settings, ids[-1]).state is State.DONE
            assert len(ids) < 200, "200 rounds are not enough"
        return ids

    def read_leaves(self, run_id: int, name: str) -> page_write.PageResult:
        return unread.store_leaves(self.db, self.settings, self.client, self.limit.lease, run_id, name)

    def chain(self) -> int:
        """Scan until nothing remains, as the callbacks do; how many scans it took."""
        root = None
        for number in range(1, 200):
            finished = self.scan(root)
            if finished is None:
                self.read_unread()
                return number
            root = (self.run(finished.run_id)["root_id"]) if finished.more else None
        raise AssertionError("200 scans are not enough")

    def run(self, run_id: int) -> database.Row:
        found = self.conn.execute("SELECT * FROM ops.runs WHERE id = %s", (run_id,)).fetchone()
        assert found is not None
        return found

    def runs(self) -> list[database.Row]:
        return self.conn.execute("SELECT * FROM ops.runs ORDER BY id").fetchall()

    def watermark(self) -> int | None:
        row = self.conn.execute("SELECT watermark_ticks FROM ops.watermarks").fetchone()
        return row["watermark_ticks"] if row else None

    def rejected(self) -> set[str]:
        """The addresses of the leaves that stand rejected, also where their line on a page is what was rejected."""
        rows = self.conn.execute(
            "SELECT leaf_url, reason, body FROM ops.rejected_leaves WHERE resolved_at IS NULL"
        ).fetchall()
        return {json.loads(row["body"])["@id"] if row["reason"] == "item" else row["leaf_url"] for row in rows}

    def rejects(self) -> list[tuple[Any, ...]]:
        """Address, reason, attempts and resolution of every rejected leaf."""
        rows = self.conn.execute("SELECT * FROM ops.rejected_leaves ORDER BY leaf_url").fetchall()
        return [(row["leaf_url"], row["reason"], row["attempts"], row["resolution"]) for row in rows]

    def silence(self) -> None:
        """Make a running run look as if its worker had died long ago."""
        self.conn.execute("UPDATE ops.runs SET heartbeat_at = now() - interval '1 hour' WHERE state = 'running'")

    def differences(self) -> list[Any]:
        return differences(self.conn, self.catalog.events)


def gate_results(bench: Bench, name: str) -> dict[str, bool]:
    return {result.name: result.passed for result in gate.hold(bench.conn, bench.settings, name, None)}


class OneConnection(database.Database):
    """Gives pages `conn` instead of a pool, which of a history that is read in a tenth of a second would take most."""

    def __init__(self, url: str, conn: database.Connection) -> None:
        super().__init__(url)
        self._conn = conn

    @contextmanager
    def connection(self) -> Iterator[database.Connection]:
        yield self._conn
