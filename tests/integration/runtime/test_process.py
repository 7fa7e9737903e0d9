"""What one process works with: made once, made anew by a forked child, closed at the end."""

import gc
import os
from collections.abc import Callable, Iterator

import pytest

from pkgintel import database as db
from pkgintel.errors import SettingsError
from pkgintel.runtime import process
from pkgintel.runtime.process import Process
from pkgintel.settings import Deployment
from pkgintel.upstream import sources
from tests.support.hostile import HostileServer
from tests.support.processes import working_for
from tests.support.waiting import until

BODY = b'{"licenses": []}'


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    """A server that counts its connections."""
    with HostileServer() as started:
        started.put("/licenses.json", BODY)
        yield started


def backend(mine: Process) -> int:
    """The process of Postgres behind a pooled connection, which has to work."""
    with mine.database.connection() as conn:
        return conn.info.backend_pid


def in_a_child(look: Callable[[], bool]) -> int:
    """The exit code of a forked child: 0 where `look` is true there."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            gc.collect()
            code = 0 if look() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_process_is_made_once_and_anew_where_another_deployment_is_chosen(settings: Deployment) -> None:
    mine = process.current()
    assert mine is process.current()
    assert mine.deployment == settings
    assert mine.client is mine.client
    other = process.start(settings.model_copy(update={"lost_after": 7.0}))
    assert process.current() is other is not mine


def test_a_forked_child_has_connections_of_its_own_and_leaves_the_parents_alone(
    settings: Deployment, server: HostileServer
) -> None:
    parent, url = process.current(), server.url("/licenses.json")
    mine = backend(parent)
    assert sources.fetch_bytes(parent.client, url) == BODY

    def child() -> bool:
        own = process.current()
        assert own is not parent
        assert own.deployment == parent.deployment
        assert backend(own) != mine
        assert sources.fetch_bytes(own.client, url) == BODY
        for use in (lambda: backend(parent), lambda: sources.fetch_bytes(parent.client, url)):
            with pytest.raises(RuntimeError):
                use()
        parent.close()
        process.end()
        return True

    for _ in range(3):
        assert in_a_child(child) == 0
        assert backend(parent) == mine
        assert sources.fetch_bytes(parent.client, url) == BODY


def test_what_a_process_opened_is_closed_with_it(settings: Deployment, conn: db.Connection) -> None:
    mine = process.current()
    pid, client = backend(mine), mine.client
    process.end()
    process.end()
    assert client.loop.events.is_closed()
    until(lambda: not conn.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone(), "it ends")


def test_a_client_that_was_given_stays_open(settings: Deployment) -> None:
    with working_for(settings) as mine:
        given = mine.client
        process.Process(settings, given).close()
        assert not given.loop.events.is_closed()


def test_a_process_reads_the_environment_when_it_is_first_asked_for(
    database: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process.end()
    monkeypatch.setenv("PKGINTEL_DATABASE_URL", database)
    monkeypatch.setenv("PKGINTEL_REDIS_URL", "nowhere")
    with pytest.raises(SettingsError, match="PKGINTEL_REDIS_URL is wrong"):
        process.current()
    monkeypatch.setenv("PKGINTEL_REDIS_URL", redis_url)
    assert process.current().deployment.database_url == database
    process.end()


def test_a_pool_that_was_closed_opens_again(database: str) -> None:
    pool = db.Database(database)
    for _ in range(2):
        with pool.connection() as conn:
            assert db.the(conn, "spdx/version")["licenses"] == 0
        pool.close()


def test_the_only_row_is_the_only_one(conn: db.Connection) -> None:
    assert set(db.the(conn, "spdx/version")) == {"version", "licenses", "exceptions"}
    with pytest.raises(LookupError, match=r"sql/runs/get\.sql gave 0 rows"):
        db.the(conn, "runs/get", id=1)
    with pytest.raises(LookupError, match="gave 3 rows"):
        db.the(conn, "schedules/all")
