"""A worker whose broker goes away, or takes no writes, again and again keeps nothing open of what was before."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import redis

from pkgintel.settings import Deployment
from tests.support.waiting import until
from tests.support.workers import PATIENCE, Fleet

pytestmark = pytest.mark.processes

USER = "guest"  # Of Redis: what is taken from it is taken from this worker alone.
AT_WORK = "mingle: all alone"
REFUSED = "has no permissions to run"
TIMES = 5
STEADY = 5  # Descriptors that come and go. Before, two stayed open of each time.


@pytest.fixture
def broker(redis_url: str) -> Iterator["redis.Redis[bytes]"]:
    with redis.Redis.from_url(redis_url) as client:
        client.execute_command("ACL", "SETUSER", USER, "on", ">s3cret", "~*", "&*", "+@all")
        yield client
        client.execute_command("ACL", "DELUSER", USER)


def test_a_worker_leaves_no_connection_open_when_its_broker_was_away(
    settings: Deployment, redis_url: str, broker: "redis.Redis[bytes]", tmp_path: Path
) -> None:
    parts = urlsplit(redis_url)
    url = parts._replace(netloc=f"{USER}:s3cret@{parts.hostname}:{parts.port}").geturl()
    with ExitStack() as stack:
        fleet = Fleet(stack, settings.model_copy(update={"redis_url": url}), tmp_path)
        worker = psutil.Process(fleet.worker("first").pid)
        log = tmp_path / "first.log"

        def count(words: str) -> int:
            return log.read_text().count(words)

        def strike() -> None:
            """Cut all its connections, and wait until it is back."""
            before = count(AT_WORK)
            broker.execute_command("CLIENT", "KILL", "USER", USER)
            until(lambda: count(AT_WORK) > before, "the worker is back", PATIENCE)

        strike()
        least = worker.num_fds()
        for _ in range(TIMES):
            strike()
        until(lambda: worker.num_fds() <= least + STEADY, "nothing is left open of the cuts", PATIENCE)

        refused, before = count(REFUSED), count(AT_WORK)
        broker.execute_command("ACL", "SETUSER", USER, "-@write")
        broker.execute_command("CLIENT", "KILL", "USER", USER)
        until(lambda: count(REFUSED) > refused + TIMES, "it was refused several times", PATIENCE)
        broker.execute_command("ACL", "SETUSER", USER, "+@all")
        until(lambda: count(AT_WORK) > before, "the worker is back", PATIENCE)
        until(lambda: worker.num_fds() <= least + STEADY, "nothing is left open of the refusals", PATIENCE)
