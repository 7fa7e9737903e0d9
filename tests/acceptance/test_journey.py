"""The whole journey with real workers: from an empty database through the sample catalog to verdicts, and on.

Every process is started as an operator starts it, and the final tables must equal the oracle's exactly.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pkgintel import database as db
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.verdict import Declaration, Judge
from pkgintel.sample.server import Server, serve
from pkgintel.sample.source import CATALOG_INDEX, SPDX_EXCEPTIONS, SPDX_LICENSES, Sample
from tests.support import oracle
from tests.support.hostile import HostileServer
from tests.support.patience import quick
from tests.support.tables import differences
from tests.support.waiting import until
from tests.support.workers import Fleet, kill

pytestmark = pytest.mark.processes


class SampleFleet(Fleet):
    """Real workers on one database, one Redis and a sample catalog."""

    def __init__(self, stack: ExitStack, database: str, redis_url: str, logs: Path, **changes: Any) -> None:
        self.server: Server = stack.enter_context(serve())
        settings = quick(
            database,
            redis_url,
            service_index_url=self.server.url,
            spdx_licenses_url=self.server.licenses_url,
            spdx_exceptions_url=self.server.exceptions_url,
            request_timeout=10,
            pages_per_scan=8,
            **changes,
        )
        super().__init__(stack, settings, logs)

    def is_through(self, events: list[oracle.Event]) -> bool:
        """Everything is stored up to the newest event and judged, and nothing is under way."""
        mark = self.conn.execute("SELECT watermark_ticks FROM ops.watermarks").fetchone()
        newest = max(event.commit for event in events)
        ended = all(run["settled_at"] and run["state"] != "running" for run in self.runs())
        return ended and mark == {"watermark_ticks": newest}

    def check(self, events: list[oracle.Event]) -> None:
        """Wait for the end, and compare every table with the oracle."""
        self.wait(lambda: self.is_through(events), "all is stored and judged")
        assert differences(self.conn, events) == []
        assert self.verdicts() == expected_verdicts(self.server, events)
        assert self.conn.execute("SELECT * FROM ops.rejected_leaves").fetchall() == []
        failed = self.conn.execute("SELECT message FROM ops.check_results WHERE blocking AND NOT passed").fetchall()
        assert failed == []

    def verdicts(self) -> dict[str, tuple[Any, ...]]:
        rows = self.conn.execute("SELECT * FROM enriched.nuget_package_oss_status").fetchall()
        names = ("package_id", "judged_version", "verdict", "rule")
        return {row["package_key"]: tuple(row[name] for name in names) for row in rows}

    def changes(self) -> list[tuple[Any, ...]]:
        """Package, old verdict and new one of every change, those of one moment in order of their packages."""
        query = "SELECT * FROM enriched.verdict_changes ORDER BY changed_at, package_key"
        rows = self.conn.execute(query).fetchall()
        return [(row["package_key"], row["from_verdict"], row["to_verdict"]) for row in rows]


def published(server: Server, stage: Any) -> list[oracle.Event]:
    """The events of the sample, read from its documents."""
    return oracle.read(Sample(stage).documents(server.base_url), server.base_url, CATALOG_INDEX)


def expected_verdicts(server: Server, events: list[oracle.Event]) -> dict[str, tuple[Any, ...]]:
    """What each package that is not deleted should be judged as, by the speaking version of the oracle."""
    documents = Sample(1).documents(server.base_url)
    judge = Judge(LicenseList.parse(documents[SPDX_LICENSES], documents[SPDX_EXCEPTIONS]))
    found = {}
    for key, row in oracle.replay(events)[1].items():
        if row["state"] != "deleted":
            declaration = Declaration(row["license_expression"], row["license_file"], row["license_url"])
            said = judge.judge(declaration, row["created"])
            found[key] = (row["package_id"], row["latest_version"], said.verdict, said.rule)
    return found


@pytest.fixture
def fleet(database: str, redis_url: str, tmp_path: Path) -> Iterator[SampleFleet]:
    with ExitStack() as stack:
        yield SampleFleet(stack, database, redis_url, tmp_path)


@pytest.fixture
def hasty(database: str, redis_url: str, tmp_path: Path) -> Iterator[SampleFleet]:
    """A fleet whose runs count as lost soon, for tests that kill; a busy machine may be silent as long."""
    with ExitStack() as stack:
        yield SampleFleet(stack, database, redis_url, tmp_path, lost_after=2)


def test_from_nothing_to_verdicts_and_through_the_second_increment(fleet: SampleFleet) -> None:
    first, second = published(fleet.server, 1), published(fleet.server, 2)
    fleet.worker("one")
    fleet.send("spdx.sync")
    fleet.send("catalog.scan")
    fleet.check(first)
    before, history = fleet.verdicts(), fleet.changes()
    assert {verdict for _, _, verdict, _ in before.values()} == {"open_source", "proprietary", "unknown"}

    fleet.server.publish(2)
    fleet.send("catalog.scan", kind="scheduled")
    fleet.check(second)
    after = fleet.verdicts()
    # The list's own run may judge a package between two pages; its deletion and its return are then changes as well.
    shown = {key: None for key, _, _ in history} | {key: row[2] for key, row in before.items()}
    shows = {key: after[key][2] if key in after else None for key in shown}
    expected = [(key, was, shows[key]) for key, was in sorted(shown.items()) if was != shows[key]]
    assert fleet.changes()[len(history) :] == expected

    rows = fleet.conn.execute("SELECT xmin::text, package_key FROM raw.nuget_packages ORDER BY 2").fetchall()
    last = fleet.runs()[-1]["id"]
    fleet.send("catalog.scan")
    fleet.wait(lambda: [run for run in fleet.runs() if run["id"] > last and run["state"] == "caught_up"], "caught up")
    fleet.check(second)
    again = fleet.conn.execute("SELECT xmin::text, package_key FROM raw.nuget_packages ORDER BY 2").fetchall()
    assert again == rows, "a second look writes nothing"


def test_two_workers_share_one_scan_and_nothing_is_done_twice(fleet: SampleFleet) -> None:
    events = published(fleet.server, 2)
    fleet.server.publish(2)
    for task in ("catalog.scan", "spdx.sync", "catalog.scan", "spdx.sync", "catalog.scan"):
        fleet.send(task)
    fleet.worker("one")
    fleet.worker("two")
    fleet.check(events)
    scans = [run for run in fleet.runs() if run["action"] == "scan"]
    assert {run["state"] for run in scans} <= {"done", "caught_up", "skipped"}
    done = [run for run in scans if run["state"] == "done"]
    assert sum(run["leaves"] for run in done) <= len(events), "no leaf is fetched twice"
    assert all(run["pages_done"] == run["pages_total"] for run in done)
    assert (
        sum(run["kind"] == "manual" and run["state"] == "done" for run in fleet.runs() if run["source"] == "spdx") == 1
    )


@pytest.mark.parametrize("ending", ["failed", "lost"])
def test_a_scan_that_failed_or_got_lost_is_resumed_by_hand_and_asks_for_no_leaf_again(
    hasty: SampleFleet, tmp_path: Path, ending: str
) -> None:
    with HostileServer() as source:
        documents = Sample(1).documents(source.origin)
        for path, body in documents.items():
            source.put(path, body)
        events = oracle.read(documents, source.origin, CATALOG_INDEX)
        pages = sorted(path for path in documents if re.search(r"/page\d+\.json$", path))
        leaves = {urlsplit(event.item["@id"]).path for event in events}
        address = {"service_index_url": source.url("/v3/index.json"), "pages_per_scan": 500}
        hasty.settings = hasty.settings.model_copy(update=address)
        # A page that is no page fails its run; one that never comes keeps the run going until its worker is dead.
        stuck = pages[5]
        source.put(stuck, **({"body": {"nonsense": 1}} if ending == "failed" else {"hang": True}))
        worker = hasty.worker("first")
        hasty.send("spdx.sync")
        hasty.send("catalog.scan")

        def scans(state: str) -> list[db.Row]:
            return [run for run in hasty.runs() if run["action"] == "scan" and run["state"] == state]

        if ending == "failed":
            (run,) = hasty.wait(lambda: scans("failed"), "the scan failed")
        else:
            query = "SELECT count(*) AS n FROM ops.run_pages WHERE state = 'done'"
            hasty.wait(
                lambda: (hasty.conn.execute(query).fetchone() or {})["n"] == len(pages) - 1, "all other pages are done"
            )
            (run,) = scans("running")
            kill(worker)
            silent = "SELECT heartbeat_at < now() - interval '2.1 seconds' AS long FROM ops.runs WHERE id = %s"
            hasty.wait(lambda: (hasty.conn.execute(silent, [run["id"]]).fetchone() or {})["long"], "it went silent")
            hasty.worker("second")
        assert hasty.conn.execute("SELECT watermark_ticks FROM ops.watermarks").fetchone() is None
        stored = {path for path in leaves if source.count(path)}
        assert len(stored) > len(leaves) * 0.8
        source.forget()
        source.put(stuck, documents[stuck])
        resumed = hasty.tell("runs", "resume", str(run["id"]))
        assert resumed.returncode == 0, resumed.stderr
        assert resumed.stdout.startswith("catalog.scan was sent; it goes on from what run")
        hasty.wait(lambda: hasty.is_through(events), "the resumed scan is through")
        assert differences(hasty.conn, events) == []
        again = [run for run in hasty.runs() if run["action"] == "scan"][-1]
        assert (again["state"], again["kind"], again["cause_id"]) == ("done", "manual", run["id"])
        assert (hasty.conn.execute("SELECT state FROM ops.runs WHERE id = %s", [run["id"]]).fetchone() or {})[
            "state"
        ] == ending
        asked = {path for path in leaves if source.count(path)}
        assert asked, "the page that was not read"
        assert not asked & stored, "what was done is not fetched again"
        assert {path for path in pages if source.count(path)} == {stuck}, "nor are the pages that were done"


def test_a_worker_killed_in_the_middle_of_a_scan_loses_nothing(hasty: SampleFleet) -> None:
    events = published(hasty.server, 2)
    hasty.server.publish(2)
    victim = hasty.worker("victim")
    hasty.send("spdx.sync")
    hasty.send("catalog.scan")

    def counted(query: str) -> int:
        row = hasty.conn.execute(query).fetchone()
        return int(row["n"]) if row else 0

    done = "SELECT count(*) AS n FROM ops.run_pages WHERE state = 'done'"
    running = "SELECT count(*) AS n FROM ops.runs WHERE state = 'running' AND action = 'scan' AND pages_total > 0"
    hasty.wait(lambda: counted(done) and counted(running), "pages are done and the scan is running")
    kill(victim)
    assert not hasty.is_through(events)
    hasty.worker("heir")
    alive = "SELECT count(*) AS n FROM ops.runs WHERE heartbeat_at > now() - interval '2 seconds'"

    def recovered() -> bool:
        if not counted(alive) and not hasty.is_through(events):
            hasty.send("ops.upkeep")  # The clock sends it each minute; here as soon as all is silent.
            until(lambda: counted(alive) or hasty.is_through(events), "upkeep did something", 10)
        return hasty.is_through(events)

    hasty.wait(recovered, "upkeep brings the scan to its end")
    hasty.check(events)
