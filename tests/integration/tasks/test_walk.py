"""A page's way is one descent: task, step, then upstream and database, with nothing going round about."""

from collections.abc import Iterator

import pytest

from pkgintel import database, tasks
from pkgintel.settings import Deployment
from tests.support.catalogs import Catalog, details
from tests.support.patience import quick
from tests.support.processes import working_for
from tests.support.scans import Bench
from tools import walk

OPENED = {"client.Client.__init__"}  # Taken in hand at the door, before anything is read.


@pytest.fixture
def bench(conn: database.Connection, settings: Deployment) -> Iterator[Bench]:
    made = Bench(conn, quick(settings.database_url), Catalog())
    for number in range(3):
        made.catalog.add("page0", details("A", f"{number}.0.0", number))
    made.catalog.publish()
    yield made
    made.close()


def test_a_page_goes_down_once_and_climbs_back_twice_at_most(bench: Bench, settings: Deployment) -> None:
    plan = bench.open()
    assert plan is not None
    with working_for(settings, bench.client):
        found = walk.page(lambda: tasks.upsert_page(plan.run_id, plan.pages[0]))
    assert bench.finish(plan.run_id).leaves == 3
    found.steps[:] = [step for step in found.steps if step.name not in OPENED]
    assert found.doors() == {"pipeline": {"tasks"}, "upstream": {"pipeline"}, "database": {"pipeline"}}, walk.describe(
        found
    )
    assert len(found.climbs()) <= 2, walk.describe(found)
    names = [step.name for step in found.steps]
    order = ["page.store_page", "sources.fetch_page", "events.unknown", "leaves.fetch_leaves", "events.write"]
    assert [name for name in names if name in order] == order
