"""Short pages, lines that are no items and times that cannot be, sent to a real worker: no event is lost."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from pkgintel.local.services import Services
from tests.support.answers import Answer
from tests.support.catalogs import Catalog, Document
from tests.support.databases import redis_of
from tests.support.oracle import ticks
from tests.support.sites import Site, SiteFleet
from tests.support.tables import differences

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def crew(services: Services, shared_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteFleet]:
    """One worker of two processes for all tests here."""
    with ExitStack() as stack:
        redis_url, logs = stack.enter_context(redis_of(services)), tmp_path_factory.mktemp("wrong")
        yield SiteFleet(stack, shared_database, redis_url, logs, request_timeout=3, request_attempts=2)


@pytest.fixture
def fleet(crew: SiteFleet) -> Iterator[SiteFleet]:
    crew.begin()
    crew.send("spdx.sync")
    crew.ended("sync", "done")
    yield crew
    crew.quiet()


def document(site: Site, path: str, **changes: Any) -> Document:
    """What the site answers at `path`, changed."""
    found: Document = json.loads(json.dumps(Catalog.document(site, path)))
    return found | changes


def watermark(fleet: SiteFleet) -> int | None:
    rows = fleet.rows("SELECT watermark_ticks FROM ops.watermarks")
    return rows[0]["watermark_ticks"] if rows else None


def scan(fleet: SiteFleet, state: str) -> Any:
    """Send a scan and wait until it ends so."""
    last = max((run["id"] for run in fleet.runs()), default=0)
    fleet.send("catalog.scan")
    run = fleet.ended("scan", state, after=last)
    fleet.quiet()
    return run


def test_short_pages_are_asked_for_again_and_odd_lines_are_rejected(fleet: SiteFleet) -> None:
    site = fleet.site
    first, second = site.grow(7), site.grow(4)
    page = document(site, "/page0.json")
    for line, wrong in zip(
        page["items"],
        [
            {"commitTimeStamp": "9999-12-31T23:59:59.9999999Z"},
            {"@id": site.base + "/\0.json"},
            {"nuget:id": "a\ud83d"},
            {"nuget:version": "1" * 600},
        ],
        strict=False,
    ):
        line |= wrong
    page["items"].append(None)
    short = document(site, "/page1.json")
    short["items"] = short["items"][1:]
    site.server.put("/page0.json", page)
    site.troubles["/page1.json"] = [Answer(document(site, "/page1.json", items=[])), Answer(short)]
    run = scan(fleet, "done")
    assert (run["leaves"], run["rejected"], run["pages_done"]) == (12, 5, 2)
    assert fleet.server.count("/page1.json") == 3, "two copies were short"
    assert watermark(fleet) == second[-1].commit
    assert differences(fleet.conn, [*first[:3], *second]) == []
    rows = fleet.rows("SELECT * FROM ops.rejected_leaves ORDER BY leaf_url")
    beginnings = [f"{site.url('page0')}#item-{number}-" for number in (1, 2, 3, 4, 8)]
    assert [row["leaf_url"][: len(one)] for row, one in zip(rows, beginnings, strict=True)] == beginnings
    assert {(row["reason"], row["run_id"]) for row in rows} == {("item", run["id"])}
    assert fleet.status()["rejected_leaves"] == 5

    third = site.grow(2)  # The next good page.
    scan(fleet, "done")
    assert watermark(fleet) == third[-1].commit
    assert differences(fleet.conn, [*first[:3], *second, *third]) == []

    site.server.remove("/page0.json")
    told = fleet.tell("reprocess", "--rejected")
    assert told.returncode == 0, told.stderr
    fleet.quiet()
    assert differences(fleet.conn, site.events) == []
    assert fleet.status()["rejected_leaves"] == 0


def test_a_page_that_stays_short_fails_and_is_taken_when_an_operator_says_so(fleet: SiteFleet) -> None:
    site = fleet.site
    events = site.grow(5)
    short = document(site, "/page0.json")
    short["items"] = [line for line in short["items"] if line["@id"] != events[0].url]
    site.server.put("/page0.json", short)
    run = scan(fleet, "failed")
    assert "page0.json came as a short copy, with 4 of the 5 items" in run["error"]
    assert watermark(fleet) is None
    assert fleet.verdicts() == []

    url = site.url("page0")
    for words, says in (
        (("--page", url, "--accept-count"), "needs a reason"),
        (("--rejected", "--accept-count", "--why", "x"), "--accept-count goes with --page"),
    ):
        told = fleet.tell("reprocess", *words)
        assert (told.returncode, says in told.stderr) == (2, True), told.stderr
    told = fleet.tell("reprocess", "--page", url, "--accept-count", "--why", "the first one was withdrawn")
    assert told.returncode == 0, told.stderr
    assert "accepted as missing: 1" in told.stdout
    assert differences(fleet.conn, events[1:]) == []
    scan(fleet, "done")
    assert watermark(fleet) == events[-1].commit
    shown = json.loads(fleet.tell("watermark", "show", "--json").stdout)
    assert [one["why"] for one in shown["accepted_counts"]] == ["the first one was withdrawn"]
    more = site.grow(1)
    scan(fleet, "done")
    assert differences(fleet.conn, [*events[1:], *more]) == []


@pytest.mark.parametrize("stamp", ["2199-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z"])
def test_one_stamp_of_the_future_moves_nothing(fleet: SiteFleet, stamp: str) -> None:
    site = fleet.site
    events = site.grow(3)
    scan(fleet, "done")
    before = watermark(fleet)
    assert before == events[-1].commit
    site.grow(2)
    index, page = document(site, "/index.json"), document(site, "/page1.json", commitTimeStamp=stamp)
    entries = [entry | {"commitTimeStamp": stamp} if "page1" in entry["@id"] else entry for entry in index["items"]]
    for path, wrong in (
        ("/index.json", index | {"commitTimeStamp": stamp}),
        ("/index.json", index | {"items": entries}),
        ("/page1.json", page),
    ):
        site.troubles[path] = [Answer(wrong)]
        run = scan(fleet, "failed")
        assert path[1:] in run["error"]
        assert "lies in the future" in run["error"] or "is not as promised" in run["error"]
        assert watermark(fleet) == before
        assert not fleet.status()["healthy"]
        assert fleet.tell("runs").returncode == 0
    scan(fleet, "done")
    assert differences(fleet.conn, site.events) == []
    assert watermark(fleet) == site.events[-1].commit


def test_a_watermark_that_an_earlier_release_moved_to_the_future_is_told_and_brought_back(fleet: SiteFleet) -> None:
    site = fleet.site
    site.grow(3)
    scan(fleet, "done")
    fleet.conn.execute("UPDATE ops.watermarks SET watermark_ticks = %s", (ticks("2199-01-01T00:00:00Z"),))
    site.grow(2)
    run = scan(fleet, "failed")
    fleet.failed("catalog.scan", "watermark_not_ahead")
    assert "watermark_not_ahead" in run["error"]
    status = fleet.status()
    assert any("pkgintel watermark reset" in sentence for sentence in status["unhealthy_because"])
    told = fleet.tell("check")
    assert (told.returncode, "FAILED   watermark_not_ahead" in told.stdout) == (1, True), told.stdout
    assert "2199" in fleet.tell("watermark", "show").stdout
    told = fleet.tell("watermark", "reset", "--to", "2024-05-01", "--why", "the index said 2199")
    assert told.returncode == 0, told.stderr
    fleet.server.forget()
    scan(fleet, "done")
    assert differences(fleet.conn, site.events) == []
    asked = [request.path for request in fleet.server.requests if request.path.startswith("/data/")]
    assert len(asked) == 2, "what is stored is not read again"
    assert fleet.status()["healthy"]
