"""The task of a page: which server's limit it asks under, and when."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import httpx
import pytest

from pkgintel import database, tasks
from pkgintel.errors import UpstreamUnavailable
from pkgintel.pipeline import page, page_write, replay
from pkgintel.pipeline.replay import ReplayRequest
from pkgintel.settings import Deployment
from pkgintel.upstream.slots import Limit
from tests.support.catalogs import Catalog, details
from tests.support.patience import quick
from tests.support.processes import working_for
from tests.support.scans import Bench


@pytest.fixture
def bench(conn: database.Connection, settings: Deployment) -> Iterator[Bench]:
    made = Bench(conn, quick(settings.database_url), Catalog())
    made.catalog.add("page0", details("HttpClient", "1.0.0", 1))
    made.catalog.publish()
    yield made
    made.close()


def test_a_package_is_read_again_also_when_its_name_begins_like_an_address(bench: Bench, settings: Deployment) -> None:
    bench.scan()
    run_id, pages = replay.open_run(bench.conn, bench.settings, bench.client, ReplayRequest(package="HttpClient"))
    assert pages == ["httpclient"]
    with working_for(settings, bench.client):
        assert tasks.upsert_page(run_id, pages[0])["leaves"] == 1


def test_the_leaves_that_were_rejected_with_a_package_are_read_again(bench: Bench, settings: Deployment) -> None:
    bench.scan()
    run_id, [package] = replay.open_run(bench.conn, bench.settings, bench.client, ReplayRequest(package="HttpClient"))
    [event] = bench.catalog.events
    bench.catalog.break_leaf(event)
    with working_for(settings, bench.client):
        assert tasks.upsert_page(run_id, package)["rejected"] == 1
        run_id, pages = replay.open_run(bench.conn, bench.settings, bench.client, ReplayRequest(rejected=True))
        assert pages == ["package httpclient"]
        assert tasks.upsert_page(run_id, pages[0])["rejected"] == 1


def test_a_page_that_is_done_takes_no_share_of_the_limit(bench: Bench) -> None:
    opened = bench.open()
    assert opened is not None
    leased: list[str] = []

    def leasing(url: str) -> AbstractContextManager[Limit]:
        leased.append(url)
        return bench.limit.lease(url)

    def read(run_id: int) -> page_write.PageResult:
        return page.store_page(bench.db, bench.settings, bench.client, leasing, run_id, opened.pages[0])

    assert read(opened.run_id).leaves == 1
    assert read(opened.run_id).note == "done already"
    assert "is gone" in read(2**40).note
    assert leased == opened.pages


def test_what_upstream_answers_is_counted_once_and_also_of_a_page_that_fails(
    bench: Bench, settings: Deployment
) -> None:
    bench.catalog.broken["/page0.json"] = lambda: httpx.Response(503)
    begun = bench.open()
    assert begun is not None
    with working_for(settings, bench.client):
        with pytest.raises(UpstreamUnavailable):
            tasks.upsert_page(begun.run_id, bench.catalog.url("page0"))
        counted = bench.conn.execute("SELECT kind, answers FROM ops.http_answers").fetchall()
        answers = {row["kind"]: row["answers"] for row in counted}
        assert answers["5xx"] == bench.catalog.asked["/page0.json"] > 1
        assert set(answers) == {"2xx", "5xx"}, "an answer of 503 is no second one"
