"""Scans without Celery: a catalog, a database, and the tasks' steps between the two, taken one by one.

`Bench` takes single steps. `Workers` reads as a fleet does on a bad day: pages come in any order, some twice, some
never, the worker is gone, the wire is shaky; whatever a task would try again is tried again.
"""

import copy
import gzip
import json
import random
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from pkgintel import database
from pkgintel.errors import GateFailed, RunFailed, UpstreamChanged, UpstreamUnavailable
from pkgintel.pipeline import gate, page, page_write, reading, replay, scan, unread
from pkgintel.pipeline import runs as ledger
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.settings import Deployment
from pkgintel.tasks import base, recovery
from pkgintel.upstream.client import Client
from pkgintel.upstream.slots import LocalLimit
from tests.support.catalogs import Catalog, Document
from tests.support.tables import differences, stored


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


class Workers:
    """What a fleet makes of a bench's catalog when `chance` decides what goes wrong."""

    def __init__(self, bench: Bench, chance: random.Random) -> None:
        self.bench = bench
        self.chance = chance

    def read(self, *, calm: bool = False) -> None:
        """Scan until caught up, starting again whatever died or failed; `calm`, nothing dies and pages come in order.

        A chain that dies lists the overlap again, so with pages that come one by one the dying has to end some time.
        Raises: AssertionError when the watermark passed something that is neither stored nor rejected.
        """
        bench, chance, root, watched = self.bench, self.chance, None, not calm
        for number in range(200):
            calm = calm or number > 12
            passed = bench.watermark() or 0
            opened = self._begin(root)
            if opened is None:
                return
            if calm:
                pages, dies = opened.pages, False
            else:
                pages = opened.pages * chance.choice((1, 1, 2))
                chance.shuffle(pages)
                dies = chance.random() < 0.3
            for url in pages[: chance.randrange(len(pages) + 1)] if dies else pages:
                self.store(opened.run_id, url)
                if not calm and chance.random() < 0.2:
                    self._end(opened.run_id)
            if dies and bench.run(opened.run_id)["state"] == "running":
                bench.silence()
                if not recovery.free_lost(bench.conn, bench.settings):
                    self._end(opened.run_id)  # Only the callback was missing, and upkeep sends it again.
                root = None
                continue
            finished = self._end(opened.run_id)
            if finished is None:
                root = None
                continue
            assert finished.state == "done"
            if watched:
                self.held_back(passed)
            if chance.random() < 0.5:
                self.read_unread()
            if not finished.more:
                return
            root = bench.run(opened.run_id)["root_id"] if calm or chance.random() < 0.8 else None
        raise AssertionError("200 scans are not enough")

    def read_unread(self) -> None:
        """A round of reading what is known and unread, as a fleet does it; it may die on the way, or fail."""
        bench, chance = self.bench, self.chance
        if not reading.wanted(bench.conn, bench.settings):
            return
        run_id = reading.open_run(bench.conn, None)
        for final in (False,) * base.TRIES + (True,):
            try:
                names = reading.plan(bench.conn, bench.settings, bench.client, run_id).pages
                break
            except (UpstreamUnavailable, UpstreamChanged) as error:
                if final or isinstance(error, UpstreamChanged):
                    ledger.end(bench.conn, run_id, State.FAILED, error=str(error))
                    return
        names = names * chance.choice((1, 1, 2))
        chance.shuffle(names)
        dies = chance.random() < 0.3
        for name in names[: chance.randrange(len(names) + 1)] if dies and names else names:
            self.store(run_id, name)
        if dies:
            bench.silence()
            recovery.free_lost(bench.conn, bench.settings)
        with suppress(RunFailed, GateFailed):
            reading.finish(bench.conn, bench.settings, run_id)

    def read_rejected(self) -> None:
        """Replay what stands rejected, as `pkgintel reprocess --rejected`, until nothing does."""
        bench = self.bench
        for _ in range(5):
            if not bench.rejected():
                return
            run_id, urls = replay.open_run(
                bench.conn, bench.settings, bench.client, replay.ReplayRequest(rejected=True)
            )
            for url in urls:
                bench.read(run_id, url)
            assert replay.finish(bench.conn, run_id)
            replay.unblock(bench.conn, bench.settings)
        raise AssertionError(f"still rejected: {bench.rejected()}")

    def _begin(self, root: int | None) -> scan.ScanPlan | None:
        """A planned scan, or None: as `catalog.scan` tries, and one tick after the other."""
        bench = self.bench
        for _ in range(50):
            run_id = open_scan(bench.conn, bench.settings, root_id=root)
            for final in (False,) * base.TRIES + (True,):
                try:
                    return scan.plan(bench.conn, bench.settings, bench.client, run_id)
                except GateFailed:
                    self.nothing_usable()
                    return None
                except (UpstreamUnavailable, UpstreamChanged) as error:
                    if final or isinstance(error, UpstreamChanged):
                        ledger.end(bench.conn, run_id, State.FAILED, error=str(error))
                        break
            root = None
        raise AssertionError("no scan could be planned")

    def store(self, run_id: int, url: str) -> None:
        """One page, as `catalog.upsert_page` tries."""
        bench = self.bench
        for final in (False,) * base.TRIES + (True,):
            try:
                if bench.run(run_id)["action"] == "read":
                    bench.read_leaves(run_id, url)
                else:
                    bench.read(run_id, url)
            except (UpstreamUnavailable, UpstreamChanged) as error:
                lasts = final or isinstance(error, UpstreamChanged)
                page.record_failure(bench.db, run_id, url, error, final=lasts)
                if lasts:
                    return
            else:
                return

    def _end(self, run_id: int) -> scan.ScanEnd | None:
        """The callback; None when the run failed or was blocked, by it or before."""
        try:
            finished = self.bench.finish(run_id)
        except (RunFailed, GateFailed):
            assert self.bench.run(run_id)["state"] in ("failed", "blocked")
            return None
        return None if finished.state == "failed" else finished

    def nothing_usable(self) -> None:
        """Caught up with no package stored is only a catalog of whose pages, as far as they were read, every leaf
        stands rejected. A page that came later with no newer stamp is read with the next one that is newer.
        """
        bench = self.bench
        assert stored(bench.conn) == ({}, {}), "what is stored opens the gate"
        mark, rejected = bench.watermark() or 0, bench.rejected()
        done = bench.conn.execute("SELECT page_url, page_ticks FROM ops.run_pages WHERE state = 'done'").fetchall()
        read = {(row["page_url"], row["page_ticks"]) for row in done}
        for where, told in bench.catalog.index.items():
            assert told <= mark, f"{where} is newer than the watermark"
            for event in bench.catalog.pages[where] if (bench.catalog.url(where), told) in read else ():
                assert event.commit > told or event.url in rejected, f"{event} is neither stored nor rejected"
            assert told == mark or (bench.catalog.url(where), told) in read, f"{where} was passed unread"

    def held_back(self, passed: int) -> None:
        """Of every page whose stamp the watermark passed since `passed`, all that was told is stored or rejected."""
        bench = self.bench
        mark = bench.watermark()
        assert mark is not None
        assert mark >= passed, "forward only"
        (have, _), rejected = stored(bench.conn), bench.rejected()
        for where, told in bench.catalog.index.items():
            for event in bench.catalog.pages[where] if passed < told <= mark else ():
                row = have.get(event.key)
                kept = (row and row["commit_ticks"] >= event.commit) or event.url in rejected
                assert event.commit > told or kept, f"{event} is neither stored nor rejected"


FAULTS: dict[str, Callable[[], httpx.Response | Exception]] = {
    "reset": lambda: httpx.ReadError("Connection reset by peer"),
    "no connection": lambda: httpx.ConnectError("refused"),
    "no answer in time": lambda: httpx.ReadTimeout("too late"),
    "500": lambda: httpx.Response(500),
    "503": lambda: httpx.Response(503, headers={"retry-after": "0"}),
    "429": lambda: httpx.Response(429, content=b"slow down"),
    "403": lambda: httpx.Response(403),
    "404": lambda: httpx.Response(404, content=b"<Error/>"),
    "410": lambda: httpx.Response(410),
    "elsewhere": lambda: httpx.Response(302, headers={"location": "http://127.0.0.2:9/elsewhere"}),
    "an HTML page": lambda: httpx.Response(200, content=b"<html>We will be back soon</html>"),
    "nothing": lambda: httpx.Response(200, content=b""),
    "half of it": lambda: httpx.Response(200, content=b'{"@id": "http://127.0.0.1:9/inde'),
    "half of the gzip": lambda: httpx.Response(
        200, headers={"content-encoding": "gzip"}, content=gzip.compress(b'{"items": [' + b"[]," * 99)[:30]
    ),
}


# What becomes of a page on its way, as broken caches and servers make it; its count stays as it is.
COPIES: dict[str, Callable[[Document, random.Random], None]] = {
    "a short copy": lambda page, chance: page["items"].pop(chance.randrange(len(page["items"]))),
    "an empty copy": lambda page, _: page["items"].clear(),
    "of the year 2199": lambda page, _: page.update(commitTimeStamp="2199-01-01T00:00:00Z"),
    "of the last moment": lambda page, _: page.update(commitTimeStamp="9999-12-31T23:59:59.9999999Z"),
    "an item of the year 2199": lambda page, chance: spoil(page, chance, commitTimeStamp="2199-01-01T00:00:00Z"),
    "an item of no time": lambda page, chance: spoil(page, chance, commitTimeStamp="0001-01-01T00:00:00+14:00"),
    "an item with NUL": lambda page, chance: spoil(page, chance, **{"nuget:id": "a\0b"}),
    "an item with half an emoji": lambda page, chance: spoil(page, chance, **{"nuget:version": "1.0.0-\ud83d"}),
    "an item with an endless id": lambda page, chance: spoil(page, chance, **{"nuget:id": "x" * 5000}),
    "an item of another kind": lambda page, chance: spoil(page, chance, **{"@type": "nuget:PackageMoved"}),
}
# The same for the index, which has no odd items: each of its entries is the header of a page.
INDEXES = ("of the year 2199", "of the last moment")


def spoil(page: Document, chance: random.Random, **wrong: Any) -> None:
    """Break one line of a page, and leave its address as it is."""
    number = chance.randrange(len(page["items"]))
    page["items"][number] = page["items"][number] | wrong


class ShakyWire:
    """Makes some answers of a catalog faulty: decided by seed, address and how often that was asked, never by the order
    of the requests. `made` says which, for whoever reads why an example failed.

    With the `catalog`, pages and indexes are also spoiled on their way.
    """

    def __init__(self, seed: int, often: float, catalog: Catalog | None = None) -> None:
        self.often = often
        self.catalog = catalog
        self.made: list[str] = []
        self._seed = seed

    def __call__(self, path: str, times: int) -> httpx.Response | Exception | None:
        chance = random.Random(f"{self._seed} {path} {times}")
        if chance.random() >= self.often:
            return None
        copies = self._copies(path)
        name = chance.choice([*FAULTS, *copies])
        self.made.append(f"{path} for the {times}. time: {name}")
        if name in FAULTS:
            return FAULTS[name]()
        document = copy.deepcopy(self.catalog.document(path)) if self.catalog else None
        assert document is not None
        if path == "/index.json" and chance.random() < 0.5 and document["items"]:
            COPIES[name](chance.choice(document["items"]), chance)
        else:
            COPIES[name](document, chance)
        return httpx.Response(200, content=json.dumps(document).encode())

    def _copies(self, path: str) -> Collection[str]:
        if self.catalog is None or self.catalog.document(path) is None or path == "/v3/index.json":
            return ()
        return INDEXES if path == "/index.json" else COPIES


class OneConnection(database.Database):
    """Gives pages `conn` instead of a pool, which of a history that is read in a tenth of a second would take most."""

    def __init__(self, url: str, conn: database.Connection) -> None:
        super().__init__(url)
        self._conn = conn

    @contextmanager
    def connection(self) -> Iterator[database.Connection]:
        yield self._conn
