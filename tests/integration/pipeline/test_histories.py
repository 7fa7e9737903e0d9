"""Catalogs of every oddity, read in waves with every accident on the way: in the end the tables are the oracle's.

Hundreds of histories by default, new ones each time, more with --histories N; how many each test reads is in its name.
"""

import random
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given, note
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pkgintel import database
from pkgintel.pipeline import scan
from tests.support.catalogs import ZERO, Catalog, delete, details
from tests.support.crews import Workers
from tests.support.databases import empty
from tests.support.histories import CLOSE, FAR, SECOND, History, grow, histories
from tests.support.patience import quick
from tests.support.scans import Bench, OneConnection
from tests.support.wires import ShakyWire


def always_read(waves: list[Any], seed: int, reads: str) -> dict[str, Any]:
    """A history that is always read, one page to a scan, over the shaky wire of this seed."""
    return {"history": History(waves), "limit": 1, "stale": "never", "seed": seed, "reads": reads}


# Its first leaf is rejected, so that a scan is caught up with nothing stored.
ONLY_REJECTED = always_read(
    [[("page0", [details("ALPHA", "1.0.0", 9, name="00")]), ("page1", [details("Alpha", "1.0.0", 9, name="01")])]],
    seed=1,
    reads="at once",
)
# Of its first page every leaf is rejected, too; then comes a page whose only leaf is older than the watermark by then.
OLDER_PAGE = always_read(
    [
        [("page0", [delete("alpha", "1.0.0", 20, name="01")])],
        [("page1", [details("Alpha", "1.0.0", 10, name="00")])],
        [("page2", [details("Alpha", "1.0.0", 20, name="02")])],
    ],
    seed=960,
    reads="at once",
)
# The leaf of its first version is rejected when it is read, after its page made it known; the next page is no newer.
KNOWN_AND_REJECTED = always_read(
    [
        [("page0", [details("alpha", "1.0.0-Beta.2", 1, name="70")])],
        [("page1", [details("Alpha", "1.0.0", 1, name="00")])],
        [("page1", [details("Alpha", "1.0.0", 2, name="01")])],
    ],
    seed=410,
    reads="all",
)
PARTS = 4  # Of the histories: so many classes, for pytest-xdist shares out classes.


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """So many histories for each class, told in the test's name."""
    if "examples" in metafunc.fixturenames:
        examples = max(5, -(-metafunc.config.getoption("--histories") // PARTS))
        metafunc.parametrize("examples", [examples], ids=[f"{examples}-histories"])


def told(catalog: Catalog, wave: list[Any], stale: str, chance: random.Random) -> list[Any]:
    """The first half of a wave, in the index unless that is `stale`; the second half, which comes during the scan."""
    grow(catalog, wave[: len(wave) // 2])
    if catalog.pages and stale != "all":
        catalog.publish([where for where in catalog.pages if stale == "some" and chance.random() < 0.4])
    return [wave[len(wave) // 2 :]]


def read(bench: Bench, history: History, stale: str, seed: int, shaky: ShakyWire) -> None:
    """The whole history, wave by wave, and then a last page when the faults are over: the tables are the oracle's."""
    catalog, chance = bench.catalog, random.Random(seed)
    catalog.__init__()  # type: ignore[misc]
    workers = Workers(bench, chance)
    for wave in history.waves:
        later = told(catalog, wave, stale, chance)

        def growing(path: str, later: list[Any] = later) -> None:
            if path.startswith("/page") and later:
                grow(catalog, later.pop())

        catalog.before = growing if chance.random() < 0.5 else lambda _path: None
        catalog.fault = shaky
        # Of a stale index, what is shown late may be passed by then, and comes with the next newer page.
        workers.read(calm=stale == "some")
        catalog.before, catalog.fault = lambda _path: None, lambda _path, _times: None
        grow(catalog, later.pop() if later else [])
        if stale == "all":
            catalog.publish()
    last = max(event.commit for event in catalog.events) - ZERO + 2 * SECOND
    catalog.add("last", details("Omega", "1.0.0", last))
    catalog.publish()
    workers.read()
    bench.read_unread()
    workers.read_rejected()
    assert bench.chain() == 1, "caught up is caught up"
    assert bench.watermark() == last + ZERO
    assert bench.differences() == []
    if bench.settings.read == "speaking":
        bench.settings = bench.settings.model_copy(update={"read": "all"})
        bench.read_unread()
        workers.read_rejected()
        assert bench.differences() == []
    assert not bench.conn.execute("SELECT FROM raw.nuget_versions WHERE read_at IS NULL").fetchall()
    check_book(bench)


def check_book(bench: Bench) -> None:
    """No run is left running, and no leaf is counted that was not asked for, but for lines that were rejected."""
    book = bench.conn.execute(
        "SELECT count(*) FILTER (WHERE state = 'running') AS running, sum(leaves) AS leaves FROM ops.runs"
    ).fetchone()
    asked = sum(times for path, times in bench.catalog.asked.items() if path.startswith("/data/"))
    lines = bench.conn.execute("SELECT sum(attempts) AS rejected FROM ops.rejected_leaves WHERE reason = 'item'")
    asked += (lines.fetchone() or {})["rejected"] or 0
    assert book is not None
    assert book["running"] == 0
    assert book["leaves"] <= asked, "counted twice"


def read_many(url: str, examples: int, overlap: str, often: float) -> None:
    """Read `examples` histories whose pages overlap by hours or seconds; a share `often` of the requests fails."""
    base = quick(url, overlap=3600 if overlap == "hours" else 4)
    with database.connect(url) as conn:
        bench = Bench(conn, base, Catalog(), OneConnection(url, conn))

        @hypothesis_settings(max_examples=examples)
        @given(
            history=histories(CLOSE if overlap == "hours" else FAR),
            limit=st.integers(1, 5),
            stale=st.sampled_from(("never", "all", "some") if overlap == "hours" else ("never", "all")),
            seed=st.integers(0, 1000),
            reads=st.sampled_from(("at once", "all", "speaking")),
        )
        @example(**ONLY_REJECTED)
        @example(**OLDER_PAGE)
        @example(**KNOWN_AND_REJECTED)
        def one(history: History, limit: int, stale: str, seed: int, reads: str) -> None:
            empty(conn)
            mode = "speaking" if reads == "speaking" else "all"
            bench.settings = base.model_copy(update={"pages_per_scan": limit, "read": mode})
            client = ShakyWire(seed, often, bench.catalog)
            # How many items are few enough to be read at once: any, none, or those of a later wave.
            few = 1000 if reads == "at once" else 0 if reads == "all" else seed % 3 * 5
            try:
                with mock.patch.object(scan, "FEW_ITEMS", few):
                    read(bench, history, stale, seed, client)
            finally:
                note("\n".join(["faults:", *client.made]))

        try:
            one()
        finally:
            bench.close()


class TestPagesThatOverlapByHours:
    def test_any_history_ends_in_the_oracles_tables(self, shared_database: str, examples: int) -> None:
        read_many(shared_database, examples, "hours", often=0.0)


class TestPagesThatOverlapBySeconds:
    def test_any_history_ends_in_the_oracles_tables(self, shared_database: str, examples: int) -> None:
        read_many(shared_database, examples, "seconds", often=0.0)


class TestPagesThatOverlapByHoursOverAShakyWire:
    def test_any_history_ends_in_the_oracles_tables(self, shared_database: str, examples: int) -> None:
        read_many(shared_database, examples, "hours", often=0.12)


class TestPagesThatOverlapBySecondsOverAShakyWire:
    def test_any_history_ends_in_the_oracles_tables(self, shared_database: str, examples: int) -> None:
        read_many(shared_database, examples, "seconds", often=0.12)
