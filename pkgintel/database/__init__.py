"""The only door to Postgres: connections, the statements in `sql/`, and the schema's migrations.

Migrations are numbered plain SQL files, applied in order under an advisory lock and remembered with their hash. A
library for them would bring an own configuration and an own connection for what are forty lines here.

A host or a network that is lost inside a transaction must not keep its locks: the server ends such a session within
`LOST_WITHIN` seconds (sql/session/patience.sql), instead of after the two hours of TCP. The session's settings are SET
once it is there, for a pooler may refuse them as start-up options.
"""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.datetime import TimestamptzLoader
from psycopg_pool import ConnectionPool, PoolTimeout

from pkgintel.errors import SchemaBehind, ServiceUnavailable, SettingsError

# The pipeline runs from its checkout: the statements lie beside the package.
SQL = Path(__file__).resolve().parents[2] / "sql"
MIGRATION_LOCK = 0x706B6769  # "pkgi"; any number that all our processes share.
LOST_WITHIN = 60.0  # Seconds after which nobody waits for a lost session any more.

# How soon this side gives up a server that is gone: seconds, a count, and milliseconds. An address may say otherwise.
_PROBES = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}

Row = dict[str, Any]
Connection = psycopg.Connection[Row]

_pools: dict[tuple[int, str], "ConnectionPool[Connection]"] = {}
_pools_lock = threading.Lock()


# All read at once: a process that is forked later must find the statements that its code was written with.
_STATEMENTS = {path.relative_to(SQL).with_suffix("").as_posix(): path.read_bytes() for path in SQL.rglob("*.sql")}


def sql(name: str) -> bytes:
    """The statement in `sql/<name>.sql`, as psycopg takes it: parameters are written %(name)s."""
    return _STATEMENTS[name]


def one(conn: Connection, name: str, /, **parameters: Any) -> Row | None:
    """The first row of statement `name`, or None."""
    return conn.execute(sql(name), parameters).fetchone()


def every(conn: Connection, name: str, /, **parameters: Any) -> list[Row]:
    """All rows of statement `name`."""
    return conn.execute(sql(name), parameters).fetchall()


def run(conn: Connection, name: str, /, **parameters: Any) -> int:
    """Execute statement `name`; how many rows it touched."""
    return conn.execute(sql(name), parameters).rowcount


_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class _NearestTime(TimestamptzLoader):
    """Times in UTC; one beyond what Python can hold is the nearest that it can, for a screen must be drawn."""

    def load(self, data: Any) -> datetime:
        try:
            return super().load(data).astimezone(UTC)
        except (psycopg.DataError, OverflowError):
            text = bytes(data)
            before = text.startswith(b"-") or text.endswith(b"BC")
            return _FIRST if before else _LAST


def connect(url: str, **options: Any) -> Connection:
    """One connection of its own (a statement outside a transaction commits at once).

    Raises: ServiceUnavailable with the server's own first line, never with the password; SettingsError.
    """
    arguments = _arguments(url) | options
    try:
        conn = psycopg.connect(url, **arguments)
        _configure(conn)
    except psycopg.OperationalError as error:
        raise ServiceUnavailable(f"Postgres cannot be reached at {place(url)}: {_first_line(error)}") from None
    return conn


def _arguments(url: str) -> dict[str, Any]:
    """How every connection is made. Raises: SettingsError when `url` is no address of a Postgres."""
    try:
        said = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise SettingsError(
            "PKGINTEL_DATABASE_URL is not a Postgres address such as postgresql://user@host/name."
        ) from None
    return {
        "autocommit": True,
        "row_factory": dict_row,
        "application_name": "pkgintel",
        "connect_timeout": 10,
        **{name: value for name, value in _PROBES.items() if name not in said},
    }


def _configure(conn: Connection) -> None:
    """Read times whatever they are, and limit how long this session holds up others, or is held up by them."""
    conn.adapters.register_loader("timestamptz", _NearestTime)
    conn.execute(sql("session/patience"))


def place(url: str) -> str:
    """Host, port and database of a Postgres address: what may be shown of it."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


@contextmanager
def connection(url: str) -> Iterator[Connection]:
    """A connection from this process's pool, outside a transaction: use `with conn.transaction()` inside.

    A pool is made in the process that uses it, for a socket must not be shared over fork.
    Raises: ServiceUnavailable when Postgres does not answer within ten seconds.
    """
    key = (os.getpid(), url)
    with _pools_lock:
        if key not in _pools:
            _pools[key] = ConnectionPool(
                url,
                min_size=0,
                max_size=4,
                timeout=10,
                max_idle=300,
                max_lifetime=1800,
                kwargs=_arguments(url),
                configure=_configure,
                check=ConnectionPool.check_connection,
                open=True,
            )
        pool = _pools[key]
    try:
        with pool.connection() as conn:
            yield conn
    except PoolTimeout:
        connect(url).close()  # Says why, in most cases.
        raise ServiceUnavailable(f"Postgres at {place(url)} gave no connection within ten seconds.") from None


def close() -> None:
    """Close this process's pools."""
    with _pools_lock:
        for key in [key for key in _pools if key[0] == os.getpid()]:
            _pools.pop(key).close()


def migrations() -> list[tuple[int, Path]]:
    """Number and file of every migration, in order."""
    return sorted((int(path.name[:4]), path) for path in (SQL / "migrations").glob("[0-9][0-9][0-9][0-9]_*.sql"))


def migrate(url: str) -> list[str]:
    """Bring the schema up to date; the names of the migrations applied now.

    Safe to run from several places at once: an advisory lock lets one work while the others wait. All of them are
    applied in one transaction, so a failed one leaves nothing behind.
    Raises: SchemaBehind when the database knows a migration that this version does not, or one was changed since.
    """
    with connect(url) as conn, conn.transaction():
        conn.execute("SET LOCAL lock_timeout = 0")  # A migration of a large table takes as long as it takes.
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        conn.execute(sql("migrations/table"))
        applied = _applied(conn)
        _refuse_the_unknown(applied)
        done = []
        for number, path in migrations():
            if number not in applied:
                conn.execute(path.read_bytes())
                conn.execute(
                    "INSERT INTO public.pkgintel_migrations (number, name, hash) VALUES (%s, %s, %s)",
                    (number, path.name, _hash(path)),
                )
                done.append(path.name)
        return done


def require_schema(conn: Connection) -> None:
    """Raises: SchemaBehind unless the database has exactly the migrations this version knows."""
    if conn.execute("SELECT to_regclass('public.pkgintel_migrations') AS found").fetchone() == {"found": None}:
        raise SchemaBehind("The database has no pkgintel schema yet: run `pkgintel migrate`.")
    applied = _applied(conn)
    _refuse_the_unknown(applied)
    missing = [path.name for number, path in migrations() if number not in applied]
    if missing:
        raise SchemaBehind(
            f"The schema is behind: {', '.join(missing)} not applied: run `pkgintel migrate` before the workers start."
        )


def _applied(conn: Connection) -> dict[int, str]:
    rows = conn.execute("SELECT number, hash FROM public.pkgintel_migrations").fetchall()
    return {row["number"]: row["hash"] for row in rows}


def _refuse_the_unknown(applied: dict[int, str]) -> None:
    known = {number: _hash(path) for number, path in migrations()}
    newer = sorted(set(applied) - set(known))
    if newer:
        raise SchemaBehind(
            f"The database has migration {newer[-1]:04d}, which this version of pkgintel does not know: upgrade it."
        )
    changed = [number for number, hash_ in applied.items() if known[number] != hash_]
    if changed:
        raise SchemaBehind(f"Migration {changed[0]:04d} was changed after it had been applied; restore the file.")


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
