"""A pipeline whose messages are noted instead of sent, step by step."""

from typing import Any

from pkgintel import database
from pkgintel.pipeline import page, runs, scan
from pkgintel.pipeline.states import Kind
from pkgintel.settings import Deployment
from pkgintel.tasks import recovery
from pkgintel.upstream.client import Client
from pkgintel.upstream.slots import LocalLimit
from tests.support.catalogs import Catalog, details
from tests.support.histories import SECOND
from tests.support.patience import quick
from tests.support.scans import open_scan


class Sent(list[tuple[str, Any]]):
    """The tasks that were sent, instead of a broker; `broken` is raised instead where it is set."""

    broken: Exception | None = None

    def names(self) -> list[str]:
        return [name for name, _ in self]


class Site:
    """A catalog of three pages, whose scans read two at a time."""

    def __init__(self, conn: database.Connection, settings: Deployment) -> None:
        self.conn, self.catalog = conn, Catalog()
        self.settings = quick(settings.database_url, pages_per_scan=2, overlap=0)
        for number in range(3):
            self.catalog.add(f"page{number}", details("A", f"{number}.0.0", number * SECOND))
        self.catalog.publish()
        self.db = database.Database(self.settings.database_url)
        self.client = Client(self.settings, transport=self.catalog, backoff=0.0)

    def open(self, max_pages: int | None = None) -> scan.ScanPlan:
        run_id = open_scan(self.conn, self.settings, Kind.MANUAL, "a-task")
        opened = scan.plan(self.conn, self.settings, self.client, run_id, max_pages)
        assert opened is not None
        return opened

    def read(self, run_id: int, *urls: str) -> None:
        for url in urls:
            page.store_page(self.db, self.settings, self.client, LocalLimit(8).lease, run_id, url)

    def silence(self, run_id: int, seconds: float = 3600) -> None:
        """As if the run, and the messages that followed from it, had been gone for so long."""
        self.conn.execute(
            "UPDATE ops.runs SET heartbeat_at = now() - make_interval(secs => %(seconds)s),"
            " finished_at = finished_at - make_interval(secs => %(seconds)s),"
            " settled_at = CASE WHEN state <> 'running' THEN now() END WHERE id = %(id)s",
            {"seconds": seconds, "id": run_id},
        )

    def state(self, run_id: int) -> str:
        return runs.require(self.conn, run_id).state

    def recover(self) -> list[str]:
        return recovery.recover(self.conn, self.settings)
