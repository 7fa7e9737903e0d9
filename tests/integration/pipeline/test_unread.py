"""Deletes and leaves that cannot be fetched, of versions that are known and unread."""

from unittest import mock

import pytest

from pkgintel.pipeline import replay, scan, unread
from tests.integration.pipeline.test_reading import leaves_asked, packages
from tests.support import tables
from tests.support.catalogs import delete, details
from tests.support.scans import Bench


@pytest.fixture
def bench(speaking: Bench) -> Bench:
    return speaking


def test_a_delete_needs_no_leaf_where_the_version_was_read(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 1), details("A", "2.0.0", 2))
    bench.catalog.publish()
    bench.chain()
    asked = leaves_asked(bench)
    for number in range(21):
        bench.catalog.add(f"page{number + 1}", delete("A", "2.0.0", 100 + number))
    bench.catalog.publish()
    bench.chain()
    assert leaves_asked(bench) == asked + 1, "1.0.0 speaks now"
    assert packages(bench) == {"a": "1.0.0"}
    assert bench.differences() == []


def test_a_delete_that_a_tick_reads_is_known_of_a_version_whose_details_stand_unread(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 1), details("A", "2.0.0", 2))
    bench.catalog.publish()
    bench.chain()
    bench.catalog.add("page1", delete("A", "1.0.0", 100))
    bench.catalog.publish()
    bench.chain()
    assert bench.differences() == [], "1.0.0 is deleted, and what it declared was never read"
    bench.settings = bench.settings.model_copy(update={"read": "all"})
    bench.read_unread()
    assert bench.differences() == []


def test_a_delete_is_known_beside_newer_details_of_a_version_that_was_read(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 1), details("A", "2.0.0", 2))
    bench.catalog.publish()
    bench.chain()
    assert unread.read_version(bench.db, bench.client, bench.limit.lease, "a", "1.0.0")
    for event in (details("A", "1.0.0", 100), delete("A", "1.0.0", 200)):
        with mock.patch.object(scan, "FEW_ITEMS", 0):
            bench.catalog.add(f"page{event.commit}", event)
            bench.catalog.publish()
            bench.chain()
    assert bench.differences() == []


def test_an_older_leaf_counts_where_the_newest_details_cannot_be_fetched(bench: Bench) -> None:
    older, newest = details("A", "1.0.0", 1), details("A", "1.0.0", 100)
    bench.settings = bench.settings.model_copy(update={"read": "all"})
    bench.catalog.add("page0", older)
    bench.catalog.add("page1", newest)
    bench.catalog.break_leaf(newest)
    bench.catalog.publish()
    with mock.patch.object(scan, "FEW_ITEMS", 0):
        bench.chain()
    assert read(bench) == {}, "of a version the newest leaf is known, which stands rejected"
    run_id, urls = replay.open_run(
        bench.conn, bench.settings, bench.client, replay.ReplayRequest(page=bench.catalog.url("page0"))
    )
    for url in urls:
        bench.read(run_id, url)
    assert read(bench) == {("a", "1.0.0"): older.url}
    assert packages(bench) == {"a": "1.0.0"}


def test_a_leaf_that_stands_rejected_hides_nothing_that_was_read_when_its_page_is_listed_again(bench: Bench) -> None:
    older, newest = details("A", "1.0.0", 1), details("A", "1.0.0", 100)
    bench.catalog.add("page0", older)
    bench.catalog.publish()
    bench.chain()
    bench.catalog.break_leaf(newest)
    for commit, event in ((100, newest), (101, details("B", "1.0.0", 101))):
        with mock.patch.object(scan, "FEW_ITEMS", 0):
            bench.catalog.add(f"page{commit}", event)
            bench.catalog.publish()
            bench.chain()
        assert read(bench)["a", "1.0.0"] == older.url


def test_an_older_leaf_that_is_listed_behind_a_rejected_one_is_known(bench: Bench) -> None:
    older, newest = details("A", "1.0.0", 99), details("A", "1.0.0", 100)
    bench.catalog.break_leaf(newest)
    for commit, listed in ((100, [newest]), (101, [older, details("B", "1.0.0", 101)])):
        with mock.patch.object(scan, "FEW_ITEMS", 0):
            bench.catalog.add(f"page{commit}", *listed)
            bench.catalog.publish()
            bench.chain()
    assert read(bench)["a", "1.0.0"] == older.url


def test_a_delete_is_read_of_a_version_whose_details_stand_rejected(bench: Bench) -> None:
    lost, deleted = details("A", "1.0.0", 1), delete("A", "1.0.0", 100)
    bench.settings = bench.settings.model_copy(update={"read": "all"})
    bench.catalog.break_leaf(lost)
    for event in (lost, deleted):
        with mock.patch.object(scan, "FEW_ITEMS", 0):
            bench.catalog.add(f"page{event.commit}", event)
            bench.catalog.publish()
            bench.chain()
    assert read(bench) == {("a", "1.0.0"): deleted.url}


def read(bench: Bench) -> dict[tuple[str, str], str]:
    """The versions that were read, each with the address of its leaf."""
    versions, _ = tables.stored(bench.conn)
    return {key: row["leaf_url"] for key, row in versions.items() if row["read_at"] is not None}


def test_a_package_is_deleted_whose_only_leaf_is_a_delete_that_cannot_be_fetched(bench: Bench) -> None:
    lost = delete("A", "1.0.0", 1)
    bench.settings = bench.settings.model_copy(update={"read": "all"})
    bench.catalog.add("page0", lost)
    bench.catalog.break_leaf(lost)
    bench.catalog.publish()
    with mock.patch.object(scan, "FEW_ITEMS", 0):
        bench.chain()
    assert packages(bench) == {"a": None}
    assert bench.rejected() == {lost.url}


def test_of_two_deletes_at_one_moment_the_one_that_counts_says_the_spelling(bench: Bench) -> None:
    for package, names in (("Alpha", "01"), ("Beta", "10")):  # The greater address comes last, then first.
        spelled = zip((package, package.upper()), names, strict=True)
        bench.catalog.add("page0", *(delete(text, "1.0.0", 1, name=name) for text, name in spelled))
    bench.catalog.publish()
    with mock.patch.object(scan, "FEW_ITEMS", 0):
        bench.chain()
    assert bench.differences() == []
    rows = bench.conn.execute("SELECT package_id FROM raw.nuget_versions ORDER BY package_key").fetchall()
    assert [row["package_id"] for row in rows] == ["ALPHA", "Beta"]
