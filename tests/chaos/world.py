"""The catalog of the rounds: it grows at random, and now and then answers out of order."""

import random
import threading
from typing import Any

from tests.support.answers import Answer
from tests.support.catalogs import ZERO, Catalog, delete, details
from tests.support.hostile import HostileServer

SECOND = 10**7  # In ticks of a commit.


class World(Catalog):
    """The catalog as nuget.org would serve it, growing, and now and then out of order."""

    IDS = (*(f"Package.{number}" for number in range(12)), "Alpha", "ALPHA", "Kilo", "\u212ailo")
    VERSIONS = ("1.0.0", "1.0", "1.0.0+build.7", "1.1.0-beta.2", "1.1.0-beta.10", "2.0.0.1", "2.0.0-rc", "0.9.0", "3.0")
    SAID: tuple[dict[str, Any], ...] = (
        {},
        {"licenseExpression": "OSI-1", "licenseUrl": "https://licenses.nuget.org/OSI-1"},
        {"licenseExpression": "OSI-2 OR Closed-1"},
        {"licenseExpression": "Closed-1 AND OSI-3"},
        {"licenseFile": "LICENSE", "licenseUrl": "https://aka.ms/deprecateLicenseUrl"},
        {"licenseUrl": "http://example.org/terms"},
        {"listed": False, "published": "1900-01-01T00:00:00Z"},
        {"listed": None},
        {"deprecation": {"reasons": ["Legacy"]}, "projectUrl": "http://example.org/"},
    )
    STEPS = (0, 1, 9, 10, 7 * 10**6, SECOND, 5 * SECOND, 40 * SECOND)

    def __init__(self, server: HostileServer, chance: random.Random) -> None:
        super().__init__(server.origin)
        self.server = server
        self.chance = chance
        self.trouble: Answer | None = None  # What everybody gets instead, while it lasts.
        self.withheld: set[str] = set()  # Paths that are answered by 404 until they are given back,
        self.once_withheld: set[str] = set()  # and the addresses of all that ever were.
        self.list_version = 0
        self._guard = threading.RLock()
        self._now = 0
        self._room = 0
        self._last = ""
        self._used: set[str] = set()
        self.new_license_list()
        server.fallback = self._answer

    def _answer(self, path: str) -> Answer | None:
        with self._guard:
            if self.trouble:
                return self.trouble
            if path in self.withheld:
                return None
            body = self._leaves.get(path) or self.document(path)
        return None if body is None else Answer(body)

    def grow(self, events: int, *, whole: bool = True) -> None:
        """Add events to the open page and to new ones; unless `whole`, the index is not told of the open page yet."""
        with self._guard:
            for _ in range(events):
                self._add()
            self.publish() if whole or self._last not in self.index else self.publish(stale={self._last})

    def withhold(self, events: int) -> None:
        """Answer the newest leaves by 404 until the world is settled."""
        with self._guard:
            newest = sorted({event.url: event.commit for event in self.events}.items(), key=lambda one: -one[1])
            self.once_withheld.update(url for url, _ in newest[:events])
            self.withheld = {self.path(url) for url, _ in newest[:events]}

    def settle(self) -> None:
        """No more trouble, and the index says all."""
        with self._guard:
            self.trouble = None
            self.withheld = set()
            self.publish()

    @property
    def newest(self) -> int:
        """The newest commit, in ticks."""
        with self._guard:
            return max(self.index.values(), default=ZERO)

    def new_license_list(self) -> None:
        """The SPDX list in a new version; OSI-3 is approved in every second one."""
        self.list_version += 1
        names = [*(f"OSI-{number}" for number in range(1, 111)), "Closed-1"]
        licenses = [
            {
                "licenseId": name,
                "name": name,
                "isOsiApproved": name.startswith("OSI") and (name != "OSI-3" or self.list_version % 2 == 0),
                "isDeprecatedLicenseId": False,
                "seeAlso": [f"http://example.org/{name}"],
            }
            for name in names
        ]
        version = f"9.{self.list_version}"
        self.server.put("/spdx/exceptions.json", {"licenseListVersion": version, "exceptions": []})
        self.server.put("/spdx/licenses.json", {"licenseListVersion": version, "licenses": licenses})

    def _add(self) -> None:
        chance = self.chance
        if not self._room:
            before, self._room = self._last, chance.randint(6, 14)
            self._last = f"page{len(self.pages)}"
            if before and chance.random() < 0.3:
                self.add(self._last, self.pages[before][-1])  # A leaf that is listed twice.
        self._now += chance.choice(self.STEPS)
        self._room -= 1
        while True:
            package, version = chance.choice(self.IDS), chance.choice(self.VERSIONS)
            if chance.random() < 0.15:
                event = delete(package, version, self._now, base=self.base)
            else:
                event = details(package, version, self._now, base=self.base, **chance.choice(self.SAID))
            if event.url not in self._used:
                break
            self._now += 1
        self._used.add(event.url)
        self.add(self._last, event)
