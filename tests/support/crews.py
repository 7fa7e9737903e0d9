"""A fleet on a bad day, without Celery: pages come in any order, twice or never, workers die, the wire is shaky."""

import random
from contextlib import suppress

from pkgintel.errors import GateFailed, RunFailed, UpstreamChanged, UpstreamUnavailable
from pkgintel.pipeline import page, reading, replay, scan
from pkgintel.pipeline import runs as ledger
from pkgintel.pipeline.states import State
from pkgintel.tasks import base, recovery
from tests.support.scans import Bench, open_scan
from tests.support.tables import stored


class Workers:
    """What a fleet makes of a bench's catalog when `chance` decides what goes wrong."""

    def __init__(self, bench: Bench, chance: random.Random) -> None:
        self.bench = bench
        self.chance = chance
        self.listed: dict[str, int] = {}  # The index as it stood when the last scan was planned.

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
                    plan = scan.plan(bench.conn, bench.settings, bench.client, run_id)
                except GateFailed:
                    self.nothing_usable()
                    return None
                except (UpstreamUnavailable, UpstreamChanged) as error:
                    if final or isinstance(error, UpstreamChanged):
                        ledger.end(bench.conn, run_id, State.FAILED, error=str(error))
                        break
                else:
                    self.listed = dict(bench.catalog.index) if plan else self.listed
                    return plan
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
        mark, rejected = bench.watermark() or 0, bench.rejected()
        versions, packages = stored(bench.conn)
        assert not packages, "what is stored opens the gate"
        for key, row in versions.items():
            assert row["read_at"] is None, f"{key} is read, and its package has no row"
            assert row["leaf_url"] in rejected, f"{key} is known and should be read first"
        done = bench.conn.execute("SELECT page_url, page_ticks FROM ops.run_pages WHERE state = 'done'").fetchall()
        read = {(row["page_url"], row["page_ticks"]) for row in done}
        for where, told in bench.catalog.index.items():
            assert told <= mark, f"{where} is newer than the watermark"
            for event in bench.catalog.pages[where] if (bench.catalog.url(where), told) in read else ():
                assert event.commit > told or event.url in rejected, f"{event} is neither stored nor rejected"
            came_later = self.listed.get(where) != told
            assert told == mark or came_later or (bench.catalog.url(where), told) in read, f"{where} was passed unread"

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
