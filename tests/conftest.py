"""What all tests share: one embedded Postgres and Valkey for a whole run, and databases of their own.

The servers' home is a temporary directory that every pytest-xdist worker of the run uses; the process that made it
removes it once the last worker let go of it.
"""

import gc
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings

from pkgintel import database as db
from pkgintel.local import guardian
from pkgintel.local import services as embedded
from pkgintel.local.services import Services
from pkgintel.runtime import process
from pkgintel.settings import PREFIX, Deployment, Settings
from tests.support.databases import fresh_database, migrated, redis_of
from tests.support.patience import quick
from tests.support.places import quick_place
from tests.support.processes import working_for
from tests.support.waiting import until

HOME = "TESTS_OF_PKGINTEL_HOME"  # Not a PKGINTEL_ variable, for those are taken away from every test.

hypothesis_settings.register_profile(
    "pkgintel", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
hypothesis_settings.register_profile(
    "unshrunk", hypothesis_settings.get_profile("pkgintel"), phases=(Phase.explicit, Phase.reuse, Phase.generate)
)
hypothesis_settings.load_profile("pkgintel")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much the property tests, the chaos and the tests of growth do."""
    parser.addoption("--histories", type=int, default=800, help="catalog histories read into Postgres, in all")
    parser.addoption("--chaos-rounds", type=int, default=15, help="rounds of chaos; each kind of fault has its turn")
    parser.addoption("--versions", type=int, default=100_000, help="package versions in the tests of growth")


def pytest_configure(config: pytest.Config) -> None:
    """Tests see no setting of the machine; the first process of a run makes the home of the servers."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    if not hasattr(config, "workerinput"):
        os.environ[HOME] = tempfile.mkdtemp(prefix="pkgintel-tests-", dir=quick_place())
    # Whatever looks for services without being told which finds those of this run, never those of the checkout.
    os.environ[f"{PREFIX}HOME"] = os.environ[HOME]


def pytest_unconfigure(config: pytest.Config) -> None:
    """The servers end with their last user; then their files go."""
    if hasattr(config, "workerinput") or HOME not in os.environ:
        return
    home = Path(os.environ.pop(HOME))
    process.end()
    embedded.release()
    with suppress(AssertionError):
        free = until(lambda: guardian.take(home), "the embedded servers end")
        os.close(free)
    shutil.rmtree(home, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Nothing that is imported or collected becomes garbage, so nobody looks for any: not now and not later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest come first, so that nobody waits for one in the end: tests that wait for containers, then those that
    wait for processes, and spread among them those that only compute, of histories. Each class or module stays whole.
    """
    scopes: dict[str, list[pytest.Item]] = {}
    for item in items:
        scopes.setdefault(item.nodeid.rpartition("::")[0], []).append(item)
    waiting, computing, short = [], [], []
    for scope in scopes.values():
        marked = {name for name in ("containers", "processes") if any(item.get_closest_marker(name) for item in scope)}
        if marked:
            waiting.append(("containers" not in marked, scope))
        elif any("examples" in item.fixturenames for item in scope):  # type: ignore[attr-defined]
            computing.append(scope)
        else:
            short.append(scope)
    waiting.sort(key=lambda it: it[0])
    order = [scope for _, scope in waiting]
    for number, scope in enumerate(computing):
        order.insert(number * (len(waiting) // len(computing) + 1) + 1, scope)
    items[:] = [item for scope in (*order, *short) for item in scope]


@pytest.fixture(scope="session")
def services() -> Services:
    """The embedded servers of this run, started by whoever needs them first."""
    return embedded.hold(Settings(home=Path(os.environ[HOME])))


@pytest.fixture(scope="session")
def template(services: Services) -> str:
    """The name of a migrated database that others are copied from."""
    return migrated(services)


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


@pytest.fixture
def redis_url(services: Services) -> Iterator[str]:
    """A Redis database of the test's own."""
    with redis_of(services) as url:
        yield url


@pytest.fixture
def settings(database: str, redis_url: str) -> Iterator[Deployment]:
    """What this process works for during the test, with short patience."""
    with working_for(quick(database, redis_url)) as mine:
        yield mine.deployment


@pytest.fixture
def conn(database: str) -> Iterator[db.Connection]:
    """A connection to the test's database."""
    with db.connect(database) as connection:
        yield connection
