"""A catalog, an empty database and a bench that scans the one into the other, for each test."""

from collections.abc import Iterator
from unittest import mock

import pytest

from pkgintel import database as db
from pkgintel.pipeline import scan
from tests.support.catalogs import Catalog
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
