"""Leaves that are answered in ways no server should, sent to a real worker: each a reject or an event, none a loss."""

import gzip
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.answers import Answer
from tests.support.sites import SiteFleet
from tests.support.tables import differences

pytestmark = pytest.mark.processes

EMPTY_MEMBER = gzip.compress(b"")


@pytest.fixture
def fleet(database: str, redis_url: str, tmp_path: Path) -> Iterator[SiteFleet]:
    with ExitStack() as stack:
        made = SiteFleet(stack, database, redis_url, tmp_path, request_timeout=3, request_attempts=2)
        made.begin()
        made.send("spdx.sync")
        made.ended("sync", "done")
        yield made


def test_no_answer_to_one_leaf_fails_its_page(fleet: SiteFleet) -> None:
    site = fleet.site
    first = site.grow(8)
    paths = [event.url.removeprefix(site.base) for event in first]
    leaf, other = (json.loads(site._leaves[path]) for path in (paths[2], paths[4]))
    never = Answer(raw=b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n")
    later = "Thu, 01 Jan 99999999999999999999 00:00:00 GMT"
    site.server.script(paths[0], [never])
    site.troubles[paths[1]] = [Answer(status=503, retry_after=later)]
    site.server.put(paths[2], leaf | {"catalog:commitTimeStamp": "9999-12-31T23:59:59.9999999-14:00"})
    site.server.put(paths[3], headers={"Content-Encoding": "gzip"}, until_close=True, endless=EMPTY_MEMBER * 500)
    site.server.put(paths[4], other | {"id": "\0", "published": "9999-12-31T23:59:59-14:00"})
    fleet.send("catalog.scan")
    run = fleet.ended("scan", "done")
    fleet.quiet()
    assert (run["leaves"], run["rejected"], run["pages_done"]) == (8, 4, 1)
    rows = fleet.rows("SELECT leaf_url, reason FROM ops.rejected_leaves")
    assert {row["leaf_url"].removeprefix(site.base): row["reason"] for row in rows} == {
        paths[0]: "redirect",
        paths[2]: "schema",
        paths[3]: "too-large",
        paths[4]: "schema",
    }
    stored = [event for event, path in zip(first, paths, strict=True) if path in (paths[1], *paths[5:])]
    assert differences(fleet.conn, stored) == []

    second = site.grow(2)  # The next good page.
    fleet.send("catalog.scan")
    fleet.ended("scan", "done", after=run["id"])
    fleet.quiet()
    assert fleet.rows("SELECT watermark_ticks FROM ops.watermarks")[0]["watermark_ticks"] == second[-1].commit
    assert differences(fleet.conn, [*stored, *second]) == []
