"""A catalog and a license list on a server that may misbehave, and real workers that read them."""

import json
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from celery.events.state import State

from pkgintel import database as db
from tests.support.answers import Answer
from tests.support.catalogs import Catalog, details
from tests.support.hostile import HostileServer
from tests.support.oracle import Event
from tests.support.patience import quick
from tests.support.workers import Fleet

LISTS = "/spdx/licenses.json", "/spdx/exceptions.json"


class Site(Catalog):
    """A catalog and a license list on a server, either of which can be held back and let go."""

    def __init__(self, server: HostileServer) -> None:
        super().__init__(server.origin)
        self.server = server
        self.lists = 0
        self.holding: dict[str, threading.Event] = {}  # By the beginning of a path.
        self.troubles: dict[str, list[Answer]] = {}  # By path: what is answered first.
        server.fallback = self._answer

    def hold(self, beginning: str) -> threading.Event:
        """No path that begins so is answered from now on, until the event is set."""
        return self.holding.setdefault(beginning, threading.Event())

    def _answer(self, path: str) -> Answer | None:
        held = next((event for begins, event in self.holding.items() if path.startswith(begins)), None)
        if self.troubles.get(path):
            return self.troubles[path].pop(0)
        if path in self.broken:
            found = self.broken[path]()
            return Answer(found.content, status=found.status_code, held=held)
        body = self._leaves.get(path) or self.list_at(path) or self.document(path)
        return None if body is None else Answer(body, held=held)

    def new_list(self, approved: int, *, without: str = "") -> None:
        """A new version of the license list, of `approved` licenses that the OSI approved, and one it did not."""
        self.lists += 1
        self.approved, self.without = approved, without

    def list_at(self, path: str) -> Any:
        """The license list or its exceptions, as they are at this path; None at any other."""
        version = {"licenseListVersion": f"9.{self.lists}"}
        if path == LISTS[1]:
            return version | {"exceptions": []}
        licenses = [
            {"licenseId": name, "name": name, "isOsiApproved": name != self.without, "isDeprecatedLicenseId": False}
            for name in (f"OSI-{number}" for number in range(self.approved))
        ]
        return version | {"licenses": licenses} if path == LISTS[0] else None

    def grow(self, events: int) -> list[Event]:
        """A new page of packages that declare a license of the list."""
        first = sum(map(len, self.pages.values()))
        names = [f"Package{first + number}" for number in range(events)]
        made = [
            details(name, "1.0.0", first + number, base=self.base, licenseExpression="OSI-1")
            for number, name in enumerate(names)
        ]
        self.add(f"page{len(self.pages)}", *made)
        self.publish()
        return made


class SiteFleet(Fleet):
    """A worker of two processes, the site it reads, and what is known of both afterwards."""

    def __init__(self, stack: ExitStack, database: str, redis_url: str, logs: Path, **changes: Any) -> None:
        self.server = stack.enter_context(HostileServer())
        settings = quick(
            database,
            redis_url,
            service_index_url=self.server.url("/v3/index.json"),
            spdx_licenses_url=self.server.url(LISTS[0]),
            spdx_exceptions_url=self.server.url(LISTS[1]),
            **({"request_timeout": 30} | changes),
        )
        super().__init__(stack, settings, logs)
        self.tasks: State = self.watch()
        self.one = self.worker("one")

    def begin(self) -> None:
        """An empty database and a new site, with a good list."""
        self.conn.execute(
            """TRUNCATE raw.read_versions, raw.unread_versions, raw.unread_packages,
                   raw.nuget_packages, raw.license_declarations, raw.spdx_licenses,
                   raw.spdx_exceptions, enriched.nuget_package_oss_status, enriched.declaration_verdicts,
                   enriched.verdict_changes, enriched.classification, ops.runs, ops.run_pages, ops.watermarks,
                   ops.catalog, ops.rejected_leaves, ops.check_results CASCADE"""
        )
        self.server.clear()
        self.site = Site(self.server)
        self.site.new_list(110)

    def rows(self, query: str, *parameters: Any) -> list[db.Row]:
        return self.conn.execute(query, parameters).fetchall()

    def verdicts(self) -> list[db.Row]:
        return self.rows("SELECT * FROM enriched.nuget_package_oss_status ORDER BY package_key")

    def asked(self, path: str) -> None:
        """Wait until somebody waits for `path`."""
        self.wait(lambda: self.server.count(path), f"{path} is asked for")

    def ended(self, action: str, state: str, after: int = 0) -> db.Row:
        """Wait for a run of `action` above id `after` that ended in `state`."""
        found = "SELECT * FROM ops.runs WHERE action = %s AND state = %s AND id > %s AND finished_at IS NOT NULL"
        row: db.Row = self.wait(lambda: self.rows(found, action, state, after), f"a {action} is {state}")[0]
        return row

    def quiet(self) -> None:
        """Wait until no task waits or is held, nothing runs, and nothing follows any more.

        A run begins only when a worker takes its task, which may be later than the command that sent it has ended.
        """
        busy = "SELECT FROM ops.runs WHERE state = 'running' OR settled_at IS NULL"
        self.wait(lambda: not self.underway() and not self.rows(busy), "all is quiet")

    def tended(self, seconds: float) -> None:
        """Wait until all runs have ended, with upkeep about as often as beat sends it; within so many seconds."""
        end, next_ = time.monotonic() + seconds, 0.0

        def through() -> bool:
            nonlocal next_
            assert time.monotonic() < end, f"not within {seconds} s"
            if time.monotonic() > next_:
                self.send("ops.upkeep")
                next_ = time.monotonic() + 5
            return not self.rows("SELECT FROM ops.runs WHERE state = 'running'")

        self.wait(through, "the runs end")

    def failed(self, task: str, *words: str) -> Any:
        """Wait for a red task of this name whose message holds all `words`: the task as Flower has it."""

        def found() -> Any:
            return [
                one
                for one in [*self.tasks.tasks.values()]
                if one.name == task and one.state == "FAILURE" and all(word in one.exception for word in words)
            ]

        return self.wait(found, f"{task} is red and says {words}")[0]

    def status(self) -> dict[str, Any]:
        """What `pkgintel status --json` says, which ends with 1 unless all is well."""
        told = self.tell("status", "--json")
        found: dict[str, Any] = json.loads(told.stdout)
        assert told.returncode == (0 if found["healthy"] else 1), told.stderr
        return found
