"""A worker's host that is lost while it writes a page: the other workers go on, and its pages are read by them."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from psycopg import sql

from tests.support.sites import SiteFleet
from tests.support.swallow import Swallower
from tests.support.workers import Fleet, kill

pytestmark = pytest.mark.processes


def test_a_host_lost_inside_a_transaction_holds_nobody_up(database: str, redis_url: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        way = stack.enter_context(Swallower(database))
        near = SiteFleet(stack, database, redis_url, tmp_path)
        near.begin()
        name = sql.Identifier(str(near.conn.info.dbname))  # As an operator may, so that the test need not wait as long.
        near.conn.execute(sql.SQL("ALTER DATABASE {} SET idle_in_transaction_session_timeout = '3s'").format(name))
        far = Fleet(stack, near.settings.model_copy(update={"database_url": way.url}), tmp_path)
        worker = far.worker("far")
        for _ in range(4):
            near.site.grow(3)
        held = near.site.hold("/page")
        near.send("catalog.scan")
        for number in range(4):
            near.asked(f"/page{number}.json")
        way.arm(b"COMMIT")
        held.set()
        way.lost()
        kill(worker)
        found = "SELECT count(*) AS n FROM ops.run_pages WHERE state = 'done'"
        near.wait(lambda: near.rows(found)[0]["n"] >= 2, "the pages of the worker that is there are written")
        near.tended(90)
        run = near.runs()[0]
        assert (run["action"], run["state"], run["pages_done"]) == ("scan", "done", 4)
