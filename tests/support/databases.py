"""Databases of a test's own, on the embedded servers that all tests of a run share."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import redis

from pkgintel import database as db
from pkgintel.database import migrations
from pkgintel.local.services import Services

TEMPLATE = "pkgintel_template"


@contextmanager
def administered(services: Services) -> Iterator[psycopg.Connection[Any]]:
    """A connection that may make and drop databases."""
    with psycopg.connect(services.postgres_url_for("postgres"), autocommit=True) as connection:
        yield connection


def migrated(services: Services) -> str:
    """The name of a migrated database that others are copied from; whoever asks first makes it."""
    with administered(services) as admin:
        admin.execute("SELECT pg_advisory_lock(1)")
        if admin.execute("SELECT FROM pg_database WHERE datname = %s", (TEMPLATE,)).fetchone() is None:
            # Whatever a test kills, the machine stays: pages are not written twice, and no disk is waited for.
            for setting in ("fsync", "full_page_writes"):
                admin.execute(f"ALTER SYSTEM SET {setting} = off")
            admin.execute("SELECT pg_reload_conf()")
            admin.execute(f"CREATE DATABASE {TEMPLATE}_new")
            migrations.apply(services.postgres_url_for(f"{TEMPLATE}_new"))
            admin.execute(f"ALTER DATABASE {TEMPLATE}_new RENAME TO {TEMPLATE}")
    return TEMPLATE


@contextmanager
def fresh_database(services: Services, template: str | None) -> Iterator[str]:
    """The address of a new database, a copy of `template` or empty, which is dropped in the end.

    Postgres drops none before each of its sessions has heard of it, and one that writes to a host that is gone hears
    nothing for a minute. The tests are not kept waiting for that: such a database goes with its server.
    """
    name = f"test_{uuid.uuid4().hex[:12]}"
    with administered(services) as admin:
        admin.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        # A crash of the machine may cost the tests their rows: they are not worth waiting for a disk.
        admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        try:
            yield services.postgres_url_for(name)
        finally:
            admin.execute("SET statement_timeout = '3s'")
            with suppress(psycopg.errors.QueryCanceled):
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def empty(conn: db.Connection) -> None:
    """Take all rows out of every table, faster than a new database: for the examples of property tests."""
    conn.execute(
        """
        DELETE FROM raw.read_versions; DELETE FROM raw.unread_versions; DELETE FROM raw.unread_packages;
        DELETE FROM raw.nuget_packages; DELETE FROM raw.license_declarations;
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
