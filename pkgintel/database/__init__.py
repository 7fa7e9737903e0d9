"""The only door to Postgres: connections, and the statements in `sql/`.

A host or a network that is lost inside a transaction must not keep its locks: the server ends such a session within
`LOST_WITHIN` seconds (sql/session/patience.sql), instead of after the two hours of TCP. The session's settings are SET
once it is there, for a pooler may refuse them as start-up options.
"""

import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.datetime import TimestamptzLoader
from psycopg_pool import ConnectionPool, PoolTimeout

from pkgintel import carried
from pkgintel.errors import ServiceUnavailable, SettingsError

SQL = carried("sql")
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


# All read at once: a process that is forked later must find the statements that its code was written with.
_STATEMENTS = {path.relative_to(SQL).with_suffix("").as_posix(): path.read_bytes() for path in SQL.rglob("*.sql")}


def sql(name: str) -> bytes:
    """The statement in `sql/<name>.sql`, as psycopg takes it: parameters are written %(name)s."""
    return _STATEMENTS[name]


def one(conn: Connection, name: str, /, **parameters: Any) -> Row | None:
    """The first row of statement `name`, or None."""
    return conn.execute(sql(name), parameters).fetchone()


def the(conn: Connection, name: str, /, **parameters: Any) -> Row:
    """The only row of statement `name`.

    Raises: LookupError unless there is exactly one.
    """
    rows = every(conn, name, **parameters)
    if len(rows) != 1:
        raise LookupError(f"sql/{name}.sql gave {len(rows)} rows where there must be one")
    return rows[0]


def every(conn: Connection, name: str, /, **parameters: Any) -> list[Row]:
    """All rows of statement `name`."""
    return conn.execute(sql(name), parameters).fetchall()


def batches(conn: Connection, name: str, size: int, /, **parameters: Any) -> Generator[list[Row], None, None]:
    """The rows of statement `name`, at most `size` at once, for those who cannot hold them all; in a transaction.

    The statement says LIMIT %(most)s. Few rows come with one question, as `every` brings them; of more Postgres keeps
    those that were not asked for yet.
    """
    rows = every(conn, name, **parameters, most=size + 1)
    if len(rows) <= size:
        if rows:
            yield rows
        return
    del rows
    the(conn, "session/read_all")
    with conn.cursor(name="batches") as cursor:
        cursor.execute(sql(name), parameters | {"most": None})
        while rows := cursor.fetchmany(size):
            yield rows
            del rows  # Not held beside the next ones.


def run(conn: Connection, name: str, /, **parameters: Any) -> int:
    """Execute statement `name`; how many rows it touched."""
    return conn.execute(sql(name), parameters).rowcount


def now(conn: Connection) -> datetime:
    """The moment, in UTC, by the one clock that all stamps are of: at which the transaction began, inside one."""
    when: datetime = the(conn, "session/now")["now"]
    return when


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


class Database:
    """The pool of connections of one process to one Postgres, opened when it is first used.

    It works only in the process that made it, for a socket must not be shared over fork.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._pid = os.getpid()
        self._pool: ConnectionPool[Connection] | None = None
        self._opening = threading.Lock()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection outside a transaction: use `with conn.transaction()` inside.

        Raises: ServiceUnavailable when Postgres does not answer within ten seconds.
        """
        try:
            with self._open().connection() as conn:
                yield conn
        except PoolTimeout:
            connect(self.url).close()  # Says why, in most cases.
            raise ServiceUnavailable(f"Postgres at {place(self.url)} gave no connection within ten seconds.") from None

    def _open(self) -> "ConnectionPool[Connection]":
        if self._pid != os.getpid():
            raise RuntimeError("a pool works for the process that made it")
        with self._opening:
            if self._pool is None:
                self._pool = ConnectionPool(
                    self.url,
                    min_size=0,
                    max_size=4,
                    timeout=10,
                    max_idle=300,
                    max_lifetime=1800,
                    kwargs=_arguments(self.url),
                    configure=_configure,
                    check=ConnectionPool.check_connection,
                    open=True,
                )
            return self._pool

    def close(self) -> None:
        """Close the connections; the next use opens new ones. Harmless twice and in a forked child."""
        if self._pid != os.getpid():
            return
        with self._opening:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()
