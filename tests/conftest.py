"""What all tests share: one embedded Postgres and Valkey for a whole run, and databases of their own.

The servers' home is a temporary directory that every pytest-xdist worker of the run uses; the process that made it
removes it once the last worker let go of it.
"""

import os
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings

from pkgintel import database as db
from pkgintel.local import guardian
from pkgintel.local import services as embedded
from pkgintel.local.services import Services
from pkgintel.runtime import deployment
from pkgintel.settings import PREFIX, Settings

HOME = "TESTS_OF_PKGINTEL_HOME"  # Not a PKGINTEL_ variable, for those are taken away from every test.
TEMPLATE = "pkgintel_template"

hypothesis_settings.register_profile(
    "pkgintel", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
hypothesis_settings.register_profile(
    "unshrunk", hypothesis_settings.get_profile("pkgintel"), phases=(Phase.explicit, Phase.reuse, Phase.generate)
)
hypothesis_settings.load_profile("pkgintel")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much the property tests and the tests of growth do."""
    parser.addoption("--histories", type=int, default=2000, help="catalog histories read into Postgres, in all")
    parser.addoption("--versions", type=int, default=100_000, help="package versions in the tests of growth")


def pytest_configure(config: pytest.Config) -> None:
    """Tests see no setting of the machine; the first process of a run makes the home of the servers."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    if not hasattr(config, "workerinput"):
        os.environ[HOME] = tempfile.mkdtemp(prefix="pkgintel-tests-")
    # Whatever looks for services without being told which finds those of this run, never those of the checkout.
    os.environ[f"{PREFIX}HOME"] = os.environ[HOME]


def pytest_unconfigure(config: pytest.Config) -> None:
    """The servers end with their last user; then their files go."""
    if hasattr(config, "workerinput") or HOME not in os.environ:
        return
    home = Path(os.environ.pop(HOME))
    db.close()
    embedded.release()
    with suppress(AssertionError):
        free = until(lambda: guardian.take(home), "the embedded servers end")
        os.close(free)
    shutil.rmtree(home, ignore_errors=True)


def until(condition: Callable[[], Any], what: str = "", timeout: float = 30) -> Any:
    """The first true value of `condition`; fails with `what` after `timeout` seconds."""
    end, pause = time.monotonic() + timeout, threading.Event()
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {timeout} s: {what}"
        pause.wait(0.05)
    return value


@pytest.fixture(scope="session")
def services() -> Services:
    """The embedded servers of this run, started by whoever needs them first."""
    return embedded.hold(Settings(home=Path(os.environ[HOME])))


@pytest.fixture(scope="session")
def template(services: Services) -> str:
    """The name of a migrated database that others are copied from."""
    with _admin(services) as admin:
        admin.execute("SELECT pg_advisory_lock(1)")
        if admin.execute("SELECT FROM pg_database WHERE datname = %s", (TEMPLATE,)).fetchone() is None:
            admin.execute(f"CREATE DATABASE {TEMPLATE}_new")
            db.migrate(services.postgres_url_for(f"{TEMPLATE}_new"))
            admin.execute(f"ALTER DATABASE {TEMPLATE}_new RENAME TO {TEMPLATE}")
    return TEMPLATE


@contextmanager
def _admin(services: Services) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(services.postgres_url_for("postgres"), autocommit=True) as connection:
        yield connection


@contextmanager
def fresh_database(services: Services, template: str | None) -> Iterator[str]:
    """The address of a new database, a copy of `template` or empty, which is dropped in the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with _admin(services) as admin:
        admin.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        # A crash of the machine may cost the tests their rows: they are not worth waiting for a disk.
        admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        try:
            yield services.postgres_url_for(name)
        finally:
            db.close()
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(services: Services, template: str) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    with fresh_database(services, template) as url:
        yield url


@pytest.fixture(scope="module")
def shared_database(services: Services, template: str) -> Iterator[str]:
    """A migrated database for a whole module, whose tests call `empty` between examples."""
    with fresh_database(services, template) as url:
        yield url


def empty(conn: db.Connection) -> None:
    """Take all rows out of every table, faster than a new database: for the examples of property tests."""
    conn.execute(
        """
        DELETE FROM raw.nuget_versions; DELETE FROM raw.nuget_packages; DELETE FROM raw.license_declarations;
        DELETE FROM ops.run_pages; DELETE FROM ops.runs; DELETE FROM ops.watermarks; DELETE FROM ops.catalog;
        DELETE FROM ops.rejected_leaves; DELETE FROM ops.check_results
        """
    )


@contextmanager
def redis_of(services: Services) -> Iterator[str]:
    """A numbered Redis database of this pytest process, empty before and after."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    url = services.redis_url_for(int(worker) + 1)
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture
def redis_url(services: Services) -> Iterator[str]:
    """A Redis database of the test's own."""
    with redis_of(services) as url:
        yield url


@pytest.fixture
def settings(database: str, redis_url: str) -> Iterator[Settings]:
    """Settings as a process has them, every address filled in, with short patience."""
    made = quick(database, redis_url)
    deployment.use(made)
    yield made
    deployment._current = None


def quick(database_url: str, redis_url: str = "redis://127.0.0.1:1/0", **changes: Any) -> Settings:
    """Resolved settings with little patience for a catalog that lies in this process."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "redis_url": redis_url,
        "service_index_url": "http://127.0.0.1:9/v3/index.json",
        "request_timeout": 2,
        "request_attempts": 2,
        "max_in_flight": 8,
    }
    return Settings.model_validate(values | changes)


@pytest.fixture
def conn(database: str) -> Iterator[db.Connection]:
    """A connection to the test's database."""
    with db.connect(database) as connection:
        yield connection
