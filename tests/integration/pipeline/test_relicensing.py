"""Where a package was given other licenses: what is found, when it is found again, and what no longer holds."""

from typing import Any

import pytest

from pkgintel import database
from pkgintel.licenses import verdict
from pkgintel.pipeline import classify
from pkgintel.settings import Settings
from tests.support.classified import bring, keep, leaf, small_list, verdicts

LINK = "http://go.microsoft.com/fwlink/?LinkId=329770"
LIST = small_list("1", open_ids=("MIT", "Apache-2.0", "RPL-1.5"), other=("BUSL-1.1",))


def changes(conn: database.Connection) -> list[tuple[Any, ...]]:
    rows = conn.execute("SELECT * FROM enriched.license_id_changes ORDER BY id").fetchall()
    return [(row["package_id"], row["from_version"], row["to_version"], row["from_ids"], row["to_ids"]) for row in rows]


def status(conn: database.Connection, key: str) -> tuple[Any, ...]:
    row = verdicts(conn)[key]
    return row["last_open_version"], row["last_open_ids"], row["different_since"]


def test_a_change_of_ids_is_told_even_where_the_verdict_stays(conn: database.Connection, settings: Settings) -> None:
    keep(conn, LIST)
    bring(
        conn,
        leaf("A", "1.9.0", 1, licenseExpression="Apache-2.0"),
        leaf("A", "1.10.0", 2, licenseExpression="Apache-2.0"),
        leaf("A", "2.0.0", 3, licenseExpression="RPL-1.5"),
        leaf("B", "1.0.0", 4, licenseExpression="MIT"),
        leaf("B", "1.1.0", 5, licenseExpression="MIT", licenseUrl="https://licenses.nuget.org/MIT"),
    )
    done = classify.classify(conn, settings)
    assert done.relicensed == 1
    assert changes(conn) == [("A", "1.10.0", "2.0.0", ["Apache-2.0"], ["RPL-1.5"])]
    assert status(conn, "a") == (None, None, None), "the package is open"
    assert classify.classify(conn, settings).idle


def test_a_package_says_its_last_open_version(conn: database.Connection, settings: Settings) -> None:
    keep(conn, LIST)
    bring(
        conn,
        leaf("A", "6.0.0", 1, licenseExpression="MIT"),
        leaf("A", "7.0.0", 2, licenseExpression="Apache-2.0"),
        leaf("A", "8.0.0", 3, licenseFile="LICENSE.md"),
        leaf("A", "9.0.0", 4, licenseExpression="BUSL-1.1"),
    )
    classify.classify(conn, settings)
    assert status(conn, "a") == ("7.0.0", ["Apache-2.0"], "8.0.0")
    bring(conn, leaf("A", "9.1.0", 5, licenseExpression="MIT"))
    classify.classify(conn, settings)
    assert status(conn, "a") == (None, None, None)
    bring(conn, leaf("A", "9.1.0", 6, deleted=True, published="2024-05-01T00:00:00Z"))
    classify.classify(conn, settings)
    assert status(conn, "a") == ("7.0.0", ["Apache-2.0"], "8.0.0")


def test_a_version_that_comes_between_moves_the_change(conn: database.Connection, settings: Settings) -> None:
    keep(conn, LIST)
    bring(
        conn, leaf("A", "1.0.0", 1, licenseExpression="MIT"), leaf("A", "3.0.0", 2, licenseExpression="BUSL-1.1"),
        leaf("B", "1.0.0", 3, licenseExpression="MIT"), leaf("B", "2.0.0", 4, licenseExpression="Apache-2.0"),
    )  # fmt: skip
    classify.classify(conn, settings)
    first = changes(conn)
    bring(conn, leaf("A", "2.0.0", 5, licenseExpression="MIT"))
    assert classify.classify(conn, settings).relicensed == 1
    assert changes(conn) == [first[1], ("A", "2.0.0", "3.0.0", ["MIT"], ["BUSL-1.1"])]
    bring(conn, leaf("A", "3.0.0", 6, deleted=True, published="2024-05-01T00:00:00Z"))
    classify.classify(conn, settings)
    assert changes(conn) == [first[1]]


def test_one_declaration_may_mean_another_thing_in_another_era(conn: database.Connection, settings: Settings) -> None:
    keep(conn, LIST)
    bring(
        conn,
        leaf("A", "1.0.0", 1, licenseUrl=LINK, created="2020-01-01T00:00:00Z"),
        leaf("A", "2.0.0", 2, licenseUrl=LINK, created="2025-01-01T00:00:00Z"),
    )
    classify.classify(conn, settings)
    row = conn.execute("SELECT from_verdict, to_verdict FROM enriched.license_id_changes").fetchone()
    assert row == {"from_verdict": "proprietary", "to_verdict": "unknown"}


def test_a_list_that_judges_otherwise_changes_the_changes_it_concerns(
    conn: database.Connection, settings: Settings
) -> None:
    keep(conn, LIST)
    bring(
        conn,
        leaf("A", "1.0.0", 1, licenseExpression="MIT"),
        leaf("A", "2.0.0", 2, licenseExpression="Fresh-1.0"),
        leaf("B", "1.0.0", 3, licenseExpression="MIT"),
        leaf("B", "2.0.0", 4, licenseExpression="BUSL-1.1"),
    )
    classify.classify(conn, settings)
    assert changes(conn)[0] == ("A", "1.0.0", "2.0.0", ["MIT"], [])
    keep(conn, small_list("2", open_ids=("MIT", "Apache-2.0", "RPL-1.5", "Fresh-1.0"), other=("BUSL-1.1",)))
    assert classify.classify(conn, settings).relicensed == 1
    assert changes(conn) == [
        ("B", "1.0.0", "2.0.0", ["MIT"], ["BUSL-1.1"]),
        ("A", "1.0.0", "2.0.0", ["MIT"], ["Fresh-1.0"]),
    ]


def test_a_database_of_an_earlier_release_is_looked_through_once(
    conn: database.Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(conn, LIST)
    bring(conn, leaf("A", "1.0.0", 1, licenseExpression="MIT"), leaf("A", "2.0.0", 2, licenseExpression="BUSL-1.1"))
    classify.classify(conn, settings)
    # As the migration leaves it: nothing found yet, and nothing looked at.
    conn.execute("DELETE FROM enriched.license_id_changes")
    conn.execute("UPDATE enriched.classification SET changes_seen = '0'")
    conn.execute("UPDATE enriched.nuget_package_oss_status SET last_open_version = NULL, different_since = NULL")
    monkeypatch.setattr(verdict, "RULESET", verdict.RULESET + 1)
    assert classify.classify(conn, settings).relicensed == 1
    assert status(conn, "a")[0] == "1.0.0"


def test_versions_that_all_say_the_same_again_leave_no_change_behind(
    conn: database.Connection, settings: Settings
) -> None:
    keep(conn, LIST)
    bring(
        conn,
        leaf("A", "1.0.0", 1, licenseExpression="MIT"),
        leaf("A", "2.0.0", 2, licenseExpression="BUSL-1.1"),
        leaf("A", "3.0.0", 3, licenseExpression="BUSL-1.1"),
    )
    classify.classify(conn, settings)
    assert status(conn, "a") == ("1.0.0", ["MIT"], "2.0.0")
    bring(conn, leaf("A", "1.0.0", 4, licenseExpression="BUSL-1.1"))
    assert classify.classify(conn, settings).relicensed == 0
    assert changes(conn) == []
    assert status(conn, "a") == (None, None, None)


UNREAD = """
    INSERT INTO raw.unread_versions
        (details_ticks, package_key, version_key, package_id, version, sort_key, is_prerelease)
    SELECT 1, 'a', version_key || '-unread', 'A', version || '-unread', sort_key, is_prerelease
    FROM raw.read_versions WHERE sort_key > (SELECT sort_key FROM raw.read_versions WHERE version_key = %s)
"""
LOOKED_AT = """
    SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::int AS rows
    FROM pg_stat_xact_user_tables WHERE relid = 'raw.unread_versions'::regclass
"""


def test_each_unread_version_is_looked_at_once(conn: database.Connection, settings: Settings) -> None:
    """Not once for each pair of versions: a package may have thousands of both."""
    keep(conn, LIST)
    names = ("MIT", "Apache-2.0")
    bring(conn, *(leaf("A", f"{n}.0.0", n, licenseExpression=names[n % 2]) for n in range(1, 41)))
    conn.execute(UNREAD, ("20.0.0",))  # In the very places of read ones, which is the closest they come.
    with conn.transaction():
        classify.classify(conn, settings)
        looked_at = (conn.execute(LOOKED_AT).fetchone() or {})["rows"]
    assert [to for _, _, to, _, _ in changes(conn)] == [f"{n}.0.0" for n in range(2, 21)]
    assert looked_at <= 6 * 20
