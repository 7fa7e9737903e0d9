"""A catalog that misbehaves in every way it can, read by real workers: it is ridden out, or rejected, and told."""

import gzip
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.support.answers import Answer
from tests.support.catalogs import Catalog, details
from tests.support.hostile import HostileServer
from tests.support.oracle import Event, ticks
from tests.support.sites import SiteFleet
from tests.support.tables import differences

pytestmark = pytest.mark.processes

PAGE = b"<html><title>503</title>We will be back soon.</html>"


@pytest.fixture
def fleet(database: str, redis_url: str, tmp_path: Path) -> Iterator[SiteFleet]:
    with ExitStack() as stack:
        changes = {"request_timeout": 3, "request_attempts": 4, "max_leaf_bytes": 100_000, "max_page_bytes": 1_000_000}
        made = SiteFleet(stack, database, redis_url, tmp_path, **changes)
        made.begin()
        yield made


@pytest.fixture
def elsewhere() -> Iterator[HostileServer]:
    """Another server, which nobody named."""
    with HostileServer() as server:
        server.fallback = lambda _path: b"{}"
        yield server


def text(event: Event) -> bytes:
    return json.dumps(event.leaf).encode()


def test_what_passes_is_ridden_out_and_what_stays_is_rejected_with_its_reason(
    fleet: SiteFleet, elsewhere: HostileServer
) -> None:
    site = fleet.site
    good = site.grow(20)
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    drip, leaf = site.path(good[9].url), [text(event) for event in good]
    site.troubles = {
        "/v3/index.json": [Answer(status=503)],
        "/index.json": [Answer(b"[" * 500, reset_after=200), Answer(PAGE, content_type="text/html")],
        "/page0.json": [Answer(status=429, retry_after=soon), Answer(PAGE)],
        site.path(good[0].url): [Answer(leaf[0], reset_after=20), Answer(leaf[0], close_after=20)],
        site.path(good[1].url): [Answer(status=500), Answer(status=502, retry_after=0), Answer(status=504)],
        site.path(good[2].url): [Answer(status=408), Answer(status=425), Answer(status=429, retry_after="1")],
        site.path(good[3].url): [Answer(refuse=True), Answer(PAGE, content_type="text/html")],
        site.path(good[4].url): [Answer(leaf[4], content_type="text/html", gzip=True)],
        site.path(good[5].url): [Answer(leaf[5], content_type="application/octet-stream", chunked=True)],
        site.path(good[6].url): [Answer(gzip.compress(leaf[6])[:40], headers={"Content-Encoding": "gzip"})],
        site.path(good[7].url): [Answer(leaf[7], until_close=True, gzip=True)],
        site.path(good[8].url): [Answer(b""), Answer(leaf[8][:99])],
        drip: [Answer(leaf[9], drip=0.001)],
    }
    bad = site.grow(8)
    bomb = gzip.compress(b" " * 50_000_000)
    for event, answer in zip(
        bad[:7],
        [
            Answer(status=404),
            Answer(status=410),
            Answer(PAGE, content_type="text/html"),
            Answer(bomb, headers={"Content-Encoding": "gzip"}),
            Answer(b" " * 200_000),
            Answer(redirect=elsewhere.url("/leaf.json")),
            Answer(b'{"@type": "PackageDetails", "id": "Another", "version": "1.0.0"}'),
        ],
        strict=True,
    ):
        site.server.script(site.path(event.url), [answer])
    away = Event({**bad[7].item, "@id": elsewhere.url("/leaf.json")}, bad[7].leaf)
    site.pages["page1"][7] = away

    fleet.send("spdx.sync")
    fleet.send("catalog.scan")
    run = fleet.ended("scan", "done")
    fleet.quiet()
    assert differences(fleet.conn, good) == []
    assert elsewhere.requests == [], "nobody was sent where the catalog does not live"
    rows = fleet.rows("SELECT * FROM ops.rejected_leaves ORDER BY commit_ticks")
    assert [(row["leaf_url"], row["reason"]) for row in rows] == [
        (event.url, reason)
        for event, reason in zip(
            [*bad[:7], away],
            ["missing", "missing", "not-json", "too-large", "too-large", "redirect", "schema", "address"],
            strict=True,
        )
    ]
    assert all(row["error"] and row["attempts"] == 1 and row["run_id"] == run["id"] for row in rows)
    assert rows[2]["body"] == PAGE.decode()
    assert (run["leaves"], run["rejected"], run["pages_done"], run["pages_failed"]) == (28, 8, 2, 0)
    assert run["window_up_to"] == fleet.rows("SELECT watermark FROM ops.watermarks")[0]["watermark"]
    status = fleet.status()
    assert status["healthy"], "eight rejected leaves wake nobody"
    assert status["rejected_leaves"] == 8
    assert any("stand rejected: 8" in note and "pkgintel reprocess --rejected" in note for note in status["notes"])

    # They can be had again: all but the one that lies elsewhere, which an operator has to accept.
    for event in bad[:7]:
        site.server.remove(site.path(event.url))
    fleet.tell("reprocess", "--rejected")
    fleet.ended("replay", "done")
    fleet.quiet()
    assert differences(fleet.conn, [*good, *bad[:7]]) == []
    assert fleet.status()["rejected_leaves"] == 1
    told = fleet.tell("reprocess", "--rejected", "--accept", "--why", "it lies elsewhere")
    assert told.returncode == 0, told.stderr
    assert fleet.status()["rejected_leaves"] == 0
    assert len(fleet.verdicts()) == 27


def test_a_page_that_changed_its_shape_is_a_red_task_a_failed_run_and_no_loss(fleet: SiteFleet) -> None:
    site = fleet.site
    fleet.send("spdx.sync")
    fleet.ended("sync", "done")
    site.grow(3)
    site.grow(3)
    site.server.put("/page1.json", {"@id": site.url("page1"), "items": []})
    fleet.send("catalog.scan")
    run = fleet.ended("scan", "failed")
    red = fleet.failed("catalog.upsert_page", "page1.json is not as promised")
    assert "Traceback" in red.traceback
    assert fleet.rows("SELECT * FROM ops.watermarks") == [], "the watermark stays"
    assert (run["pages_done"], run["pages_failed"]) == (1, 1)
    assert "page1.json is not as promised" in run["error"]
    status = fleet.status()
    assert not status["healthy"]
    said = next(one for one in status["unhealthy_because"] if f"Run {run['id']} " in one)
    assert "page1.json is not as promised" in said
    assert "the next tick goes on from there" in said

    site.server.remove("/page1.json")
    asked = site.server.count(site.path(site.events[0].url))
    fleet.send("catalog.scan", kind="scheduled")
    fleet.ended("scan", "done")
    fleet.quiet()
    assert differences(fleet.conn, site.events) == []
    assert site.server.count(site.path(site.events[0].url)) == asked == 1, "what is stored is not fetched again"
    assert fleet.status()["healthy"]


def test_a_growing_page_behind_a_stale_index_is_read_whole_in_the_end(fleet: SiteFleet) -> None:
    """While the page is read, it grows, and the index, which is older, does not say so until later."""
    site = fleet.site
    fleet.send("spdx.sync")
    site.grow(3)
    old = json.loads(json.dumps(Catalog.document(site, "/index.json")))
    later = details("Later", "1.0.0", ticks("2024-05-01T00:10:00Z") - ticks("2024-05-01T00:00:00Z"), base=site.base)
    held = site.hold("/page0")
    fleet.send("catalog.scan")
    fleet.asked("/page0.json")
    site.add("page0", later)
    held.set()
    fleet.ended("scan", "done")
    fleet.quiet()
    site.troubles["/index.json"] = [Answer(old)]
    fleet.send("catalog.scan")  # The stale index again: nothing new.
    fleet.ended("scan", "caught_up")
    assert not site.troubles["/index.json"]
    site.publish()
    last = max(run["id"] for run in fleet.runs())
    fleet.send("catalog.scan")
    fleet.ended("scan", "done", after=last)
    fleet.quiet()
    assert differences(fleet.conn, site.events) == []
    mark = fleet.rows("SELECT watermark_ticks FROM ops.watermarks")[0]["watermark_ticks"]
    assert mark == later.commit
