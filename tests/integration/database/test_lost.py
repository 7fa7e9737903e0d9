"""A host or a network that is lost inside a transaction holds up nobody for long, and neither does a lock."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest
from celery.exceptions import Retry
from psycopg import sql

from pkgintel import database as db
from pkgintel import tasks
from pkgintel.pipeline import runs
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.reports import status
from pkgintel.settings import Settings
from pkgintel.tasks import base
from tests.support.catalogs import Catalog, details
from tests.support.patience import quick
from tests.support.processes import working_for
from tests.support.scans import Bench
from tests.support.swallow import Swallower
from tests.support.waiting import until

# Milliseconds; tcp_keepalives_*: seconds and a count.
WANTED = {
    "idle_in_transaction_session_timeout": 30_000,
    "lock_timeout": 60_000,
    "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 4,
    "tcp_user_timeout": 30_000,
    "client_connection_check_interval": 10_000,
}


def lower(conn: db.Connection, **values: str) -> None:
    """Make this database less patient, as an operator may; sessions that begin from now on see it."""
    name = sql.Identifier(str(conn.info.dbname))
    for setting, value in values.items():
        conn.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value)))


def patience(conn: db.Connection) -> dict[str, int]:
    rows = conn.execute("SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", (list(WANTED),)).fetchall()
    return {row["name"]: int(row["setting"]) for row in rows}


@contextmanager
def a_connection(kind: str, url: str) -> Iterator[db.Connection]:
    with closing(db.Database(url)) as pool, db.connect(url) if kind == "own" else pool.connection() as conn:
        yield conn


# --- sessions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["own", "pool"])
def test_every_session_gives_up_what_is_lost_within_a_minute(database: str, kind: str) -> None:
    with a_connection(kind, database) as conn:
        assert patience(conn) == WANTED
        mine = conn.info.get_parameters()
        assert (mine["keepalives_idle"], mine["keepalives_interval"], mine["keepalives_count"]) == ("10", "5", "4")
        assert mine["tcp_user_timeout"] == "30000"
    probing = WANTED["tcp_keepalives_idle"] + WANTED["tcp_keepalives_interval"] * WANTED["tcp_keepalives_count"]
    check = WANTED["client_connection_check_interval"] / 1000
    assert WANTED["idle_in_transaction_session_timeout"] / 1000 <= db.LOST_WITHIN
    assert max(probing, WANTED["tcp_user_timeout"] / 1000) + check <= db.LOST_WITHIN
    assert WANTED["lock_timeout"] / 1000 <= db.LOST_WITHIN


@pytest.mark.parametrize("kind", ["own", "pool"])
def test_what_the_operator_set_shorter_stands_and_what_is_longer_does_not(
    conn: db.Connection, database: str, kind: str
) -> None:
    lower(conn, idle_in_transaction_session_timeout="5s", lock_timeout="10min", tcp_user_timeout="7s")
    with a_connection(kind, f"{database}&keepalives_idle=3") as another:
        found = patience(another)
        assert another.info.get_parameters()["keepalives_idle"] == "3"
    assert found == WANTED | {"idle_in_transaction_session_timeout": 5_000, "tcp_user_timeout": 7_000}


def test_a_session_that_idles_in_a_transaction_is_ended_which_is_passing_trouble(
    conn: db.Connection, database: str
) -> None:
    lower(conn, idle_in_transaction_session_timeout="200ms")
    alive = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
    with closing(db.connect(database)) as idle:
        idle.execute("BEGIN")
        until(lambda: not conn.execute(alive, (idle.info.backend_pid,)).fetchone(), "the session was ended")
        with pytest.raises(base.PASSING):
            idle.execute("SELECT 1")


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def bench(conn: db.Connection, database: str) -> Iterator[Bench]:
    made = Bench(conn, quick(database, overlap=0), Catalog())
    yield made
    made.close()


def two_pages(bench: Bench) -> None:
    """Two pages of the same packages."""
    for number in range(2):
        made = [details(f"P{package}", f"{number}.0.0", 10 * number + package) for package in range(5)]
        bench.catalog.add(f"page{number}", *made)
    bench.catalog.publish()


@contextmanager
def in_a_thread(work: Any) -> Iterator[list[BaseException]]:
    """`work` beside the test; the errors that ended it. Whatever it hangs in has to end before this does."""
    errors: list[BaseException] = []

    def begin() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 (handed to the test)
            errors.append(error)

    thread = threading.Thread(target=begin, daemon=True)
    thread.start()
    yield errors
    thread.join(20)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("word", "in_earnest"),
    [(b"COMMIT", True), (b"touched package rows", False), (b"UPDATE ops.run_pages SET state = 'done'", False)],
)
def test_a_page_whose_worker_was_lost_inside_its_transaction_holds_up_no_other(
    bench: Bench, conn: db.Connection, database: str, word: bytes, in_earnest: bool
) -> None:
    """Its commit is swallowed, or a statement before it; the sockets stay open."""
    if not in_earnest:
        lower(conn, idle_in_transaction_session_timeout="2s")
    two_pages(bench)
    opened = bench.open()
    assert opened is not None
    with ExitStack() as stack:
        proxy = stack.enter_context(Swallower(database))
        far = Bench(conn, quick(proxy.url, overlap=0), bench.catalog)
        stack.callback(far.close)
        errors = stack.enter_context(in_a_thread(lambda: far.read(opened.run_id, opened.pages[0])))
        stack.callback(proxy.__exit__)  # The lost worker learns of it at last.
        with far.db.connection():  # The pool is there before anything gets lost.
            pass
        proxy.arm(word)
        proxy.lost()
        begun = time.monotonic()
        until(lambda: conn.execute(IDLE).fetchone(), "the lost session idles in its transaction", 5)
        for url in reversed(opened.pages):  # The other page of the same packages, then the lost one itself.
            assert bench.read(opened.run_id, url).leaves == 5
        assert time.monotonic() - begun < db.LOST_WITHIN
        assert bench.finish(opened.run_id).state == "done"
        assert bench.differences() == []
    assert isinstance(errors[0], base.PASSING)


IDLE = """SELECT 1 FROM pg_stat_activity
          WHERE state = 'idle in transaction' AND datname = current_database() AND pid <> pg_backend_pid()"""


def test_a_scan_that_was_lost_as_it_opened_its_run_holds_up_no_other(
    bench: Bench, conn: db.Connection, database: str
) -> None:
    lower(conn, idle_in_transaction_session_timeout="1s")
    two_pages(bench)
    with Swallower(database) as proxy, closing(db.connect(proxy.url)) as lost:
        proxy.arm(b"COMMIT")
        with in_a_thread(lambda: runs.open_run(lost, Source.NUGET, Action.SCAN, Kind.MANUAL)) as errors:
            proxy.lost()
            with db.connect(database) as other:
                run_id = runs.open_run(other, Source.NUGET, Action.SCAN, Kind.MANUAL)
                run = runs.require(other, run_id)
            assert (run.state, run.task_id) == (State.RUNNING, None)
            proxy.__exit__()
        assert isinstance(errors[0], base.PASSING)


@contextmanager
def locked(database: str, package: str) -> Iterator[int]:
    """Somebody else holds the row of a package: the id of that session."""
    with db.connect(database) as other, other.transaction():
        other.execute("SELECT FROM raw.nuget_packages WHERE package_key = %s FOR UPDATE", (package,))
        yield other.info.backend_pid


def test_a_page_that_waits_too_long_for_a_lock_is_tried_again_and_says_so(
    bench: Bench, conn: db.Connection, database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_pages(bench)
    opened = bench.open()
    assert opened is not None
    first, second = opened.pages
    bench.read(opened.run_id, first)
    lower(conn, lock_timeout="300ms")
    with working_for(settings, bench.client), locked(database, "p2"), pytest.raises(Retry):
        tasks.upsert_page.apply((opened.run_id, second), throw=True)
    row = conn.execute("SELECT state, error FROM ops.run_pages WHERE page_url = %s", (second,)).fetchone()
    assert row is not None
    assert row["state"] == "pending"
    assert "lock" in row["error"]
    assert bench.read(opened.run_id, second).leaves == 5
    assert bench.finish(opened.run_id).state == "done"
    assert bench.differences() == []


def test_a_classification_waits_for_its_turn_longer_than_for_a_lock(conn: db.Connection, database: str) -> None:
    lower(conn, lock_timeout="100ms")
    with db.connect(database) as first, db.connect(database) as second:
        first.execute("BEGIN")
        db.one(first, "verdicts/lock")
        with in_a_thread(lambda: db.one(second, "verdicts/lock")) as errors:
            long = "SELECT 1 FROM pg_locks WHERE pid = %s AND waitstart < clock_timestamp() - interval '500 ms'"
            until(lambda: conn.execute(long, [second.info.backend_pid]).fetchone(), "it waits for half a second")
            first.execute("COMMIT")
        assert errors == []


# --- what an operator sees -------------------------------------------------------------------------------------------


def test_status_shows_who_waits_for_whom_and_since_when(conn: db.Connection, database: str, settings: Settings) -> None:
    conn.execute("INSERT INTO raw.license_declarations (declaration) VALUES (raw.declaration(NULL, NULL, NULL))")
    assert status.report(conn, settings).as_json()["lock_waits"] == []
    row = "SELECT FROM raw.license_declarations FOR UPDATE"
    with db.connect(database) as waiter, closing(db.connect(database)) as holder:
        runs.open_run(conn, Source.VERDICTS, Action.CLASSIFY, Kind.MANUAL)
        holder.execute("BEGIN")
        holder.execute(row)
        with in_a_thread(lambda: waiter.execute(row)) as errors:
            long = "SELECT 1 FROM pg_locks WHERE pid = %s AND waitstart < clock_timestamp() - interval '1100 ms'"
            until(lambda: conn.execute(long, [waiter.info.backend_pid]).fetchone(), "it waits for a second")
            found = status.report(conn, settings).as_json()
            holder.execute("ROLLBACK")
        assert errors == []
        [wait] = found["lock_waits"]
        assert wait["pid"] == waiter.info.backend_pid
        assert wait["application"] == "pkgintel"
        assert wait["since"].endswith("Z")
        assert 1 < wait["seconds"] < 30
        [holding] = wait["held_by"]
        assert (holding["pid"], holding["state"]) == (holder.info.backend_pid, "idle in transaction")
        said = next(note for note in found["notes"] if "lock" in note)
        assert f"Session {waiter.info.backend_pid} " in said
        assert f"session {holder.info.backend_pid} " in said
        assert "idle in transaction" in said
        assert found["healthy"] is False or "lock" not in str(found["unhealthy_because"])
