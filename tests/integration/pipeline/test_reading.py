"""What is known before it is read: who may speak meanwhile, what is asked for, and what reading leaves behind."""

from collections.abc import Sequence
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pkgintel import database
from pkgintel.audit.lookup import Lookup
from pkgintel.audit.manifests import sniff
from pkgintel.audit.package import Selection, gather
from pkgintel.audit.store import Key, Store
from pkgintel.errors import UpstreamUnavailable
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.verdict import Judge
from pkgintel.pipeline import reading, unread
from pkgintel.reports import known
from pkgintel.sample.source import lists
from tests.support import oracle, tables
from tests.support.catalogs import BASE, Catalog, delete, details
from tests.support.databases import empty
from tests.support.histories import FAR, History, grow, histories
from tests.support.patience import quick
from tests.support.scans import Bench, OneConnection


@pytest.fixture
def bench(speaking: Bench) -> Bench:
    return speaking


def leaves_asked(bench: Bench) -> int:
    return sum(times for path, times in bench.catalog.asked.items() if path.startswith("/data/"))


def packages(bench: Bench) -> dict[str, str | None]:
    rows = bench.conn.execute("SELECT package_key, latest_version FROM raw.nuget_packages").fetchall()
    return {row["package_key"]: row["latest_version"] for row in rows}


def test_only_the_leaves_that_decide_who_speaks_are_read(bench: Bench) -> None:
    for number in range(20):
        bench.catalog.add("page0", *(details(f"P{number}", f"1.{minor}.0", 100 * number + minor) for minor in range(9)))
    bench.catalog.publish()
    bench.scan()
    assert leaves_asked(bench) == 0, "pages alone make versions known"
    assert packages(bench) == {}, "nobody speaks on a guess"
    assert known.counts(bench.conn)[0].model_dump() == {"known": 180, "read": 0, "unread": 180, "exact": True}
    assert len(bench.read_unread()) == 1
    assert leaves_asked(bench) == 20
    assert packages(bench) == {f"p{number}": "1.8.0" for number in range(20)}
    assert bench.differences() == []
    versions, counted = known.counts(bench.conn)
    assert (versions.read, versions.unread, counted.known, counted.unread) == (20, 160, 20, 0)


def test_what_is_known_is_not_made_known_again(bench: Bench) -> None:
    bench.catalog.add("page0", *(details("P", f"1.{minor}.0", minor) for minor in range(20)), delete("P", "0.1.0", 30))
    bench.catalog.publish()
    bench.scan()
    bench.read_unread()
    lines = bench.conn.execute("SELECT ctid::text, xmin::text FROM raw.unread_versions ORDER BY 1").fetchall()
    assert len(lines) == 20
    bench.conn.execute("DELETE FROM ops.watermarks")  # All of it is ahead once more.
    bench.scan()
    again = bench.conn.execute("SELECT ctid::text, xmin::text FROM raw.unread_versions ORDER BY 1").fetchall()
    assert again == lines, "not even a lock was written"
    assert bench.conn.execute("SELECT * FROM raw.unread_packages").fetchall() == []
    assert bench.differences() == []


def test_a_package_whose_versions_are_all_unlisted_takes_few_rounds(bench: Bench) -> None:
    bench.catalog.add("page0", *(details("Hidden", f"1.{minor}.0", minor, listed=False) for minor in range(40)))
    bench.catalog.publish()
    bench.scan()
    assert len(bench.read_unread()) == 5, "1, 1, 2, 4 and the rest"
    assert packages(bench) == {"hidden": "1.39.0"}
    assert bench.differences() == []


def test_no_page_of_a_round_reads_more_than_a_page_of_the_catalog_names(bench: Bench) -> None:
    for name in "ABC":
        bench.catalog.add("page0", *(details(name, f"1.{minor}.0", minor, listed=False) for minor in range(40)))
    bench.catalog.publish()
    bench.scan()
    with mock.patch.multiple(unread, MOST_LEAVES=10), mock.patch.multiple(reading, PACKAGES=3, LEAST_PAGES=1):
        bench.read_unread()
    most = bench.conn.execute("SELECT max(leaves) AS leaves FROM ops.run_pages").fetchone()
    assert most == {"leaves": 10}
    assert packages(bench) == dict.fromkeys("abc", "1.39.0")
    assert bench.differences() == []


def test_a_package_that_was_judged_keeps_its_row_while_a_newer_version_is_unread(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 1))
    bench.catalog.publish()
    bench.chain()
    assert packages(bench) == {"a": "1.0.0"}
    for number in range(21):
        bench.catalog.add(f"page{number + 1}", details("A", f"2.{number}.0", 100 + number))
    bench.catalog.publish()
    bench.scan()
    assert packages(bench) == {"a": "1.0.0"}
    assert bench.conn.execute("SELECT package_key FROM raw.unread_packages").fetchall() == [{"package_key": "a"}]
    bench.read_unread()
    assert packages(bench) == {"a": "2.20.0"}
    assert bench.conn.execute("SELECT FROM raw.unread_packages").fetchall() == []


def test_a_page_of_a_tick_reads_at_once_and_never_speaks_over_an_unread_version(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 1), details("A", "2.0.0", 2), details("A", "3.0.0", 3))
    bench.catalog.publish()
    bench.chain()
    asked = leaves_asked(bench)
    bench.catalog.add("page1", details("A", "3.0.0", 100, listed=False))
    bench.catalog.publish()
    bench.scan()
    assert leaves_asked(bench) == asked + 1, "one page: one task reads and writes it, and nothing that is known"
    assert packages(bench) == {"a": "3.0.0"}, "2.0.0 may be listed: nothing is certain yet"
    bench.read_unread()
    assert packages(bench) == {"a": "2.0.0"}
    assert bench.differences() == []


def test_an_address_is_kept_only_where_it_does_not_follow(bench: Bench) -> None:
    told = {"@id": f"{BASE}/data/2024.05.01.00.00.02/plain.1.0.0.json"}
    plain = details("Plain", "1.0.0", 2 * 10**7 + 5)
    plain = oracle.Event(dict(plain.item) | told, dict(plain.leaf) | told)
    odd = details("Odd", "1.0.0", 3 * 10**7)
    bench.catalog.add("page0", plain, odd)
    bench.catalog.publish()
    bench.scan()
    rows = bench.conn.execute("SELECT package_key, details_url FROM raw.unread_versions ORDER BY 1 DESC").fetchall()
    assert rows == [{"package_key": "plain", "details_url": None}, {"package_key": "odd", "details_url": odd.url}]
    shown = bench.conn.execute("SELECT leaf_url FROM raw.nuget_versions ORDER BY package_key DESC").fetchall()
    assert [row["leaf_url"] for row in shown] == [plain.url, odd.url]
    bench.read_unread()
    assert bench.differences() == []


def test_one_version_is_read_on_demand_or_says_why_not(bench: Bench) -> None:
    broken = details("A", "2.0.0", 2)
    bench.catalog.add("page0", details("A", "1.0.0", 1), broken, details("A", "3.0.0", 3))
    bench.catalog.publish()
    bench.chain()
    bench.catalog.break_leaf(broken)
    arguments = bench.db, bench.client, bench.limit.lease
    assert unread.read_version(*arguments, "a", "1.0")
    assert not unread.read_version(*arguments, "a", "1.0"), "it is read by now"
    assert not unread.read_version(*arguments, "a", "9.0")
    with pytest.raises(UpstreamUnavailable, match="is known, and its leaf cannot be fetched"):
        unread.read_version(*arguments, "a", "2.0.0")
    rows = bench.conn.execute("SELECT version FROM raw.nuget_versions WHERE read_at IS NOT NULL ORDER BY 1").fetchall()
    assert [row["version"] for row in rows] == ["1.0.0", "3.0.0"]
    assert bench.differences() == []


def test_too_many_rejected_leaves_block_and_an_operator_frees_them(bench: Bench) -> None:
    every = [details(f"P{number}", "1.0.0", number) for number in range(30)]
    bench.catalog.add("page0", *every)
    bench.catalog.publish()
    for event in every[:12]:
        bench.catalog.break_leaf(event)
    bench.scan()
    run_id = reading.open_run(bench.conn, None)
    for name in reading.plan(bench.conn, bench.settings, bench.client, run_id).pages:
        bench.read_leaves(run_id, name)
    with pytest.raises(reading.GateFailed):
        reading.finish(bench.conn, bench.settings, run_id)
    assert bench.run(run_id)["state"] == "blocked"
    assert len(packages(bench)) == 18
    assert not reading.wanted(bench.conn, bench.settings), "what cannot be fetched counts as settled"


def test_a_row_is_there_if_and_only_if_its_speaker_is_certain(shared_database: str) -> None:
    with database.connect(shared_database) as conn:
        bench = Bench(conn, quick(shared_database, read="speaking"), Catalog(), OneConnection(shared_database, conn))

        @hypothesis_settings(max_examples=25, derandomize=True)
        @given(history=histories(FAR), order=st.randoms(use_true_random=False))
        def one(history: History, order: object) -> None:
            empty(conn)
            bench.catalog.__init__()  # type: ignore[misc]
            for wave in history.waves:
                grow(bench.catalog, wave)
            bench.catalog.publish()
            bench.scan()
            versions, _ = oracle.replay(bench.catalog.events)
            keys = sorted(versions)
            order.shuffle(keys)  # type: ignore[attr-defined]
            for package, key in keys[: len(keys) // 2]:
                unread.read_version(bench.db, bench.client, bench.limit.lease, package, key)
                check(bench, package, versions)
            bench.read_unread()
            assert bench.differences() == []

        try:
            one()
        finally:
            bench.close()


def check(bench: Bench, package: str, versions: dict[tuple[str, str], oracle.Row]) -> None:
    have, rows = tables.stored(bench.conn)
    of_package = [(key, row) for (name, key), row in versions.items() if name == package]
    read = {key for name, key in have if name == package and have[name, key]["read_at"] is not None}
    assert (package in rows) == oracle.certain(of_package, read)


def test_an_audit_reads_what_it_needs_of_the_unread(bench: Bench) -> None:
    bench.catalog.add("page0", *(details("A", f"{number}.0.0", number, licenseExpression="MIT") for number in range(9)))
    bench.catalog.publish()
    bench.scan()
    asked = leaves_asked(bench)
    listed = gather([sniff.read(b"A 1.0.0\nA 2.0\nA 77.0.0")], Selection())

    def reads(keys: Sequence[Key]) -> int:
        return unread.read_versions(bench.conn, bench.client, bench.limit.lease, keys)

    judge = Judge(LicenseList.parse(*lists()))
    lookup = Lookup(lambda: judge, Store(bench.conn), "nowhere", None, reads=reads)
    answers = lookup.answers(listed, lambda _: None)
    said = {key[1]: (one.verdict, one.source) for key, one in answers.items()}
    stored = ("open_source", "database")
    assert said == {"1.0.0": stored, "2.0.0": stored, "77.0.0": ("not_looked_up", None)}
    assert leaves_asked(bench) == asked + 2
    assert known.counts(bench.conn)[0].unread == 7
    bench.read_unread()
    assert bench.differences() == []
