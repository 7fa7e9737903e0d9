"""A catalog, an empty database and a bench that scans the one into the other, for each test."""

from collections.abc import Iterator

import pytest

from pkgintel import database as db
from tests.support.catalogs import Catalog
from tests.support.patience import quick
from tests.support.scans import Bench


@pytest.fixture
def bench(conn: db.Connection, database: str) -> Iterator[Bench]:
    made = Bench(conn, quick(database), Catalog())
    yield made
    made.close()
