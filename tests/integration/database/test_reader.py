"""Whoever only reads stops nobody: a login that was granted pkgintel_reader does its worst, and the work goes on."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from pkgintel import database as db
from pkgintel.database import migrations
from pkgintel.errors import ServiceUnavailable
from pkgintel.local.services import Services
from pkgintel.pipeline import classify
from pkgintel.settings import Deployment
from tests.support.databases import administered, fresh_database


@pytest.fixture
def database(services: Services) -> Iterator[str]:
    """A database that was migrated itself: the rights on a database are not copied from a template."""
    with fresh_database(services, None) as url:
        migrations.apply(url)
        yield url


@pytest.fixture
def reader(services: Services, database: str) -> Iterator[str]:
    """The address by which somebody comes in who may only read."""
    name = f"reader_{uuid.uuid4().hex[:8]}"
    with administered(services) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x' IN ROLE pkgintel_reader")
        try:
            yield psycopg.conninfo.make_conninfo(database, user=name, password="x")
        finally:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (name,))
            admin.execute(f"DROP ROLE {name}")


@contextmanager
def idle_in_a_transaction(reader: str) -> Iterator[int]:
    """The reader has read everything and holds on to it, with every lock that it may take."""
    with psycopg.connect(reader) as conn:
        for number in (0x706B6769, 0x706B6763, 1):
            conn.execute("SELECT pg_advisory_lock(%s)", (number,))
        found = conn.execute(
            """SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
               WHERE schemaname IN ('raw', 'enriched')"""
        ).fetchall()
        assert len(found) > 5
        for (table,) in found:
            conn.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
        yield conn.info.backend_pid
        conn.rollback()


def test_no_work_waits_for_a_reader(reader: str, database: str, conn: db.Connection, services: Services) -> None:
    with idle_in_a_transaction(reader), psycopg.connect(reader) as greedy:
        assert migrations.apply(database) == []
        with conn.transaction():
            conn.execute("SET LOCAL lock_timeout = '2s'")
            for statement in ("verdicts/lock", "spdx/lock"):
                conn.execute(db.sql(statement))
        assert services.database("sample")
        for wish in (
            "CREATE TEMPORARY TABLE mine (x int)",
            "SELECT FROM ops.locks FOR UPDATE",
            "LOCK TABLE public.pkgintel_migrations IN ACCESS SHARE MODE",
            "LOCK TABLE raw.nuget_packages IN ROW EXCLUSIVE MODE",
            "SELECT FROM raw.nuget_packages FOR KEY SHARE",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                greedy.execute(wish)
            greedy.rollback()


@pytest.fixture
def another_migration(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration of tomorrow, which changes a table that readers read."""
    file = tmp_path / "9999_tomorrow.sql"
    file.write_text("CREATE TABLE ops.tomorrow (x int); ALTER TABLE raw.nuget_packages ADD COLUMN tomorrow text;")
    known = migrations.files()
    monkeypatch.setattr(migrations, "files", lambda: [*known, (9999, file)])


@pytest.mark.usefixtures("another_migration")
def test_a_migration_says_who_is_in_its_way_and_changes_nothing(
    reader: str, database: str, conn: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", 0.3)
    with idle_in_a_transaction(reader) as pid:
        with pytest.raises(ServiceUnavailable) as refused:
            migrations.apply(database)
        assert f"while session {pid} (reader_" in str(refused.value)
        assert "idle in transaction for" in str(refused.value)
        assert "\n" not in str(refused.value)
        assert conn.execute("SELECT to_regclass('ops.tomorrow') AS found").fetchone() == {"found": None}
    assert migrations.apply(database) == ["9999_tomorrow.sql"]


def test_migrations_that_begin_together_take_turns(services: Services) -> None:
    with fresh_database(services, None) as url:
        done: list[list[str]] = []
        threads = [threading.Thread(target=lambda: done.append(migrations.apply(url))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(map(len, done)) == [0, 0, 0, len(migrations.files())]


def test_a_classification_that_never_gets_its_turn_says_so(
    database: str, conn: db.Connection, settings: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = {**db._STATEMENTS, "verdicts/lock": db.sql("verdicts/lock").replace(b"10min", b"200ms")}
    monkeypatch.setattr(db, "_STATEMENTS", statements)
    with db.connect(database) as other, other.transaction():
        db.the(other, "verdicts/lock")
        with pytest.raises(ServiceUnavailable, match="Another classification has held its turn"):
            classify.classify(conn, settings)


def test_who_writes_events_keeps_temporary_tables(conn: db.Connection) -> None:
    query = "SELECT has_database_privilege(%s, current_database(), 'TEMPORARY') AS may"
    for role, may in (("pkgintel", True), ("pkgintel_reader", False)):
        assert conn.execute(query, (role,)).fetchone() == {"may": may}


def test_what_follows_a_turn_waits_no_longer_than_before(conn: db.Connection) -> None:
    with conn.transaction():
        conn.execute("SET LOCAL lock_timeout = '7s'")
        classify._take_turn(conn)
        assert conn.execute("SHOW lock_timeout").fetchone() == {"lock_timeout": "7s"}


def test_the_role_itself_lets_go_when_it_is_idle(conn: db.Connection) -> None:
    row = conn.execute(
        """SELECT setconfig FROM pg_db_role_setting AS s JOIN pg_roles AS r ON r.oid = s.setrole
           JOIN pg_database AS d ON d.oid = s.setdatabase
           WHERE rolname = 'pkgintel_reader' AND datname = %s""",
        (conn.info.dbname,),
    ).fetchone()
    assert row is not None
    assert set(row["setconfig"]) == {
        "statement_timeout=10min",
        "idle_in_transaction_session_timeout=1min",
        "lock_timeout=10s",
    }


def test_no_two_migrations_have_one_number() -> None:
    numbers = [number for number, _ in migrations.files()]
    assert numbers == list(range(1, len(numbers) + 1))
