"""Which packages are decided again, and that nothing else is: on a real Postgres, with real SPDX lists if there."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pkgintel import database as db
from pkgintel.database import events as store
from pkgintel.errors import GateFailed
from pkgintel.licenses import verdict
from pkgintel.licenses.spdx import LicenseList
from pkgintel.licenses.verdict import Declaration, Judge
from pkgintel.pipeline import classify
from pkgintel.settings import Settings
from tests.support.checkout import SHARED
from tests.support.classified import bring, decided, keep, leaf, small_list, verdicts
from tests.support.waiting import until

SPDX = SHARED / "spdx"
needs_lists = pytest.mark.skipif(
    not SPDX.is_dir(), reason="the SPDX lists of several versions are not beside the checkout"
)


def test_an_unchanged_world_writes_nothing(conn: db.Connection, settings: Settings) -> None:
    keep(conn, small_list("1"))
    bring(conn, leaf("A", licenseExpression="MIT"), leaf("B"), leaf("C", licenseUrl="https://example.org/x"))
    assert classify.classify(conn, settings).decided == 3
    before = verdicts(conn)
    assert classify.classify(conn, settings).idle
    assert verdicts(conn) == before


def test_a_new_leaf_decides_its_package_and_no_other(conn: db.Connection, settings: Settings) -> None:
    keep(conn, small_list("1"))
    bring(conn, leaf("A", licenseExpression="MIT"), leaf("B", licenseExpression="MIT"))
    classify.classify(conn, settings)
    before = verdicts(conn)
    bring(conn, leaf("A", "2.0.0", 2))
    assert classify.classify(conn, settings).decided == 1
    after = verdicts(conn)
    assert decided(before, after) == {"a"}
    assert (after["a"]["verdict"], after["a"]["judged_version"]) == ("unknown", "2.0.0")
    change = conn.execute("SELECT * FROM enriched.verdict_changes").fetchone()
    assert change is not None
    assert (change["from_verdict"], change["to_verdict"], change["cause"]) == ("open_source", "unknown", "declaration")
    assert change["from_reason"]
    assert change["to_reason"]


def test_a_package_that_commits_late_is_not_passed_over(database: str, conn: db.Connection, settings: Settings) -> None:
    """Its transaction began before a classification that could not see it, and ended after."""
    keep(conn, small_list("1"))
    with db.connect(database) as slow:
        with slow.transaction():
            store.write(slow, [leaf("Late", licenseExpression="Apache-2.0")])
            bring(conn, leaf("Early", licenseExpression="MIT"))
            assert classify.classify(conn, settings).decided == 1
        assert classify.classify(conn, settings).decided == 1
    assert set(verdicts(conn)) == {"early", "late"}


def test_a_deleted_package_loses_its_verdict_and_a_republished_one_gets_it_back(
    conn: db.Connection, settings: Settings
) -> None:
    keep(conn, small_list("1"))
    bring(conn, leaf("A", licenseExpression="MIT"))
    classify.classify(conn, settings)
    bring(conn, leaf("A", commit=2, deleted=True))
    assert classify.classify(conn, settings).removed == 1
    assert verdicts(conn) == {}
    change = conn.execute("SELECT to_verdict, cause FROM enriched.verdict_changes").fetchone()
    assert change == {"to_verdict": None, "cause": "deleted"}
    bring(conn, leaf("A", commit=3, licenseExpression="MIT"))
    assert classify.classify(conn, settings).decided == 1


def test_a_new_list_decides_the_packages_whose_ids_changed_meaning(conn: db.Connection, settings: Settings) -> None:
    keep(conn, small_list("1", other=["Odd-1.0"]))
    bring(
        conn,
        leaf("Odd", licenseExpression="Odd-1.0"),
        leaf("Plain", licenseExpression="MIT"),
        leaf("Gone", licenseExpression="Apache-2.0"),
        leaf("None"),
    )
    classify.classify(conn, settings)
    before = verdicts(conn)
    keep(conn, small_list("2", open_ids=["MIT", "Odd-1.0"]))
    classify.classify(conn, settings)
    after = verdicts(conn)
    assert decided(before, after) == {"odd", "gone"}
    assert (after["odd"]["verdict"], after["gone"]["verdict"]) == ("open_source", "unknown")
    assert {row["spdx_list_version"] for row in after.values()} == {"2"}
    causes = conn.execute("SELECT DISTINCT cause FROM enriched.verdict_changes").fetchall()
    assert causes == [{"cause": "license-list"}]


@needs_lists
def test_from_3_26_to_3_28_exactly_what_means_something_else_is_decided(
    conn: db.Connection, settings: Settings
) -> None:
    old, new = (
        LicenseList.parse(
            (SPDX / f"licenses-{version}.json").read_bytes(), (SPDX / "exceptions-3.28.0.json").read_bytes()
        )
        for version in ("3.26.0", "3.28.0")
    )
    expressions = sorted({one.license_id for one in new.licenses.values()})
    events = [leaf(f"P{number}", licenseExpression=text) for number, text in enumerate(expressions)]
    urls = sorted({url for one in new.licenses.values() for url in one.see_also})
    events += [leaf(f"U{number}", licenseUrl=url) for number, url in enumerate(urls)]
    keep(conn, old)
    bring(conn, *events)
    classify.classify(conn, settings)
    before = verdicts(conn)
    keep(conn, new)
    classify.classify(conn, settings)
    judges = Judge(old), Judge(new)
    expected = set()
    for event in events:
        said = Declaration(event.leaf.license_expression, None, event.leaf.license_url)
        if judges[0].judge(said) != judges[1].judge(said):
            expected.add(event.package_key)
    assert decided(before, verdicts(conn)) == expected
    assert len(expected) > 40


def test_another_policy_decides_what_it_changes(conn: db.Connection, settings: Settings) -> None:
    rows = {"isOsiApproved": False, "isFsfLibre": True, "seeAlso": []}
    document = {
        "licenseListVersion": "1",
        "licenses": [{"licenseId": f"F-{n}", "name": "F", "isOsiApproved": True, "seeAlso": []} for n in range(110)]
        + [{"licenseId": "CC0-1.0", "name": "CC0", **rows}],
    }
    keep(conn, LicenseList.parse(json.dumps(document).encode()))
    bring(conn, leaf("A", licenseExpression="CC0-1.0"), leaf("B", licenseExpression="F-1"))
    classify.classify(conn, settings)
    before = verdicts(conn)
    assert before["a"]["verdict"] == "open_source"
    classify.classify(conn, settings.model_copy(update={"license_policy": "osi"}))
    after = verdicts(conn)
    assert after["a"]["verdict"] == "unknown"
    assert after["b"]["verdict"] == "open_source"
    assert {row["policy"] for row in after.values()} == {"osi"}
    assert conn.execute("SELECT cause FROM enriched.verdict_changes").fetchall() == [{"cause": "policy"}]


def test_a_raised_ruleset_looks_at_every_package_again(
    conn: db.Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(conn, small_list("1"))
    bring(conn, leaf("A", licenseExpression="MIT"), leaf("B"))
    classify.classify(conn, settings)
    before = verdicts(conn)
    monkeypatch.setattr(verdict, "RULESET", verdict.RULESET + 1)
    classify.classify(conn, settings)
    after = verdicts(conn)
    assert {row["ruleset"] for row in after.values()} == {verdict.RULESET}
    assert decided(before, after) == set()


def test_two_classifiers_at_once_miss_nothing_and_fight_over_nothing(
    database: str, conn: db.Connection, settings: Settings
) -> None:
    keep(conn, small_list("1"))
    stop = threading.Event()

    def classify_on() -> int:
        total = 0
        with db.connect(database) as own:
            while not stop.is_set():
                total += classify.classify(own, settings).decided
        return total

    with ThreadPoolExecutor(3) as pool:
        both = [pool.submit(classify_on), pool.submit(classify_on)]
        for number in range(60):
            bring(conn, leaf(f"P{number}", licenseExpression="MIT"), leaf(f"Q{number % 7}", commit=number + 2))
        until(lambda: len(verdicts(conn)) == 67, "every package has its verdict")
        stop.set()
        assert sum(one.result() for one in both) >= 67
    assert classify.classify(conn, settings).idle


def test_without_a_list_nothing_is_classified(conn: db.Connection, settings: Settings) -> None:
    bring(conn, leaf("A", licenseExpression="MIT"))
    with pytest.raises(GateFailed, match=r"spdx list is empty: run spdx\.sync first"):
        classify.classify(conn, settings)
    assert verdicts(conn) == {}
