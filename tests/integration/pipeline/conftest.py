"""A catalog, an empty database and a bench that scans the one into the other, for each test; a site with a broker."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from pkgintel import database as db
from pkgintel.pipeline import scan
from pkgintel.settings import Settings
from tests.support.catalogs import Catalog
from tests.support.faults import Sent, Site
from tests.support.patience import quick
from tests.support.scans import Bench, OneConnection


@pytest.fixture
def bench(conn: db.Connection, database: str) -> Iterator[Bench]:
    made = Bench(conn, quick(database), Catalog())
    yield made
    made.close()


@pytest.fixture
def speaking(conn: db.Connection, database: str) -> Iterator[Bench]:
    """A bench that reads what decides who speaks, and makes versions known first in a catalog of a few items too."""
    made = Bench(conn, quick(database, read="speaking"), Catalog(), OneConnection(database, conn))
    with mock.patch.object(scan, "FEW_ITEMS", 10):
        yield made
    made.close()


@pytest.fixture
def sent(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What goes to the broker in this test."""
    found = Sent()

    def send(_self: Any, *_args: Any, **_options: Any) -> None:
        if found.broken is not None:
            raise found.broken
        found.append((_self.task, {**(_self.kwargs or {}), "args": list(_self.args)}))

    def send_chain(chain: Any, **_: Any) -> None:
        if found.broken is not None:
            raise found.broken
        found.append((chain.tasks[0].task, {}))

    monkeypatch.setattr("celery.canvas.Signature.apply_async", send)
    monkeypatch.setattr("celery.canvas._chain.apply_async", send_chain)
    return found


@pytest.fixture
def site(settings: Settings, conn: db.Connection, sent: Sent) -> Iterator[Site]:
    made = Site(conn, settings)
    yield made
    made.client.close()
