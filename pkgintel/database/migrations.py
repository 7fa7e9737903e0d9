"""The schema's migrations: numbered plain SQL files, applied in order by one process at a time, known by their hash.

A library for them would need a configuration and a connection of its own for what takes a few functions here.
"""

import hashlib
from pathlib import Path

import psycopg

from pkgintel.database import SQL, Connection, connect, one, sql
from pkgintel.errors import SchemaBehind, ServiceUnavailable
from pkgintel.text import plain, span

LOCK_TIMEOUT = 30.0  # Seconds that a change of the schema waits for a table; everybody else waits behind it meanwhile.


def files() -> list[tuple[int, Path]]:
    """Number and file of every migration, in order."""
    return sorted((int(path.name[:4]), path) for path in (SQL / "migrations").glob("[0-9][0-9][0-9][0-9]_*.sql"))


def apply(url: str) -> list[str]:
    """Bring the schema up to date; the names of the migrations applied now.

    Safe to run from several places at once: one works while the others wait. All of them are applied in one
    transaction, so a failed one leaves nothing behind.
    Raises: SchemaBehind when the database knows a migration that this version does not, or one was changed since;
    ServiceUnavailable when somebody keeps a table from being changed for `LOCK_TIMEOUT` seconds.
    """
    with connect(url) as conn:
        try:
            return _apply(conn)
        except psycopg.errors.LockNotAvailable:
            raise ServiceUnavailable(
                f"The schema cannot be changed while {_holder(conn)} holds a lock on its tables: end that session, "
                "then run `pkgintel migrate` again. Nothing was changed."
            ) from None


def _apply(conn: Connection) -> list[str]:
    with conn.transaction():
        _take_turn(conn)
        one(conn, "session/lock_timeout", wait=f"{LOCK_TIMEOUT * 1000:.0f}ms")
        applied = _applied(conn)
        _refuse_the_unknown(applied)
        done = []
        for number, path in files():
            if number not in applied:
                conn.execute(path.read_bytes())
                conn.execute(
                    "INSERT INTO public.pkgintel_migrations (number, name, hash) VALUES (%s, %s, %s)",
                    (number, path.name, fingerprint(path)),
                )
                done.append(path.name)
        return done


def _take_turn(conn: Connection) -> None:
    """Wait until nobody else migrates, however long a migration of a large table takes."""
    one(conn, "session/lock_timeout", wait="0")
    try:
        with conn.transaction():
            conn.execute(sql("migrations/table"))
    except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable):
        pass  # Another one made it in the same moment, and has committed.
    conn.execute("LOCK TABLE public.pkgintel_migrations IN EXCLUSIVE MODE")  # Readers of verdicts may not take it.


def _holder(conn: Connection) -> str:
    """Who seems to be in the way: the oldest transaction that holds a lock on a table of ours."""
    found = one(conn, "session/holder")
    if found is None:
        return "another session"
    since = f", {found['state']} for {span(found['seconds'])}" if found["seconds"] is not None else ""
    return f"session {found['pid']} ({plain(found['name'], 60)}{since})"


def require_schema(conn: Connection) -> None:
    """Raises: SchemaBehind unless the database has exactly the migrations this version knows."""
    if conn.execute("SELECT to_regclass('public.pkgintel_migrations') AS found").fetchone() == {"found": None}:
        raise SchemaBehind("The database has no pkgintel schema yet: run `pkgintel migrate`.")
    applied = _applied(conn)
    _refuse_the_unknown(applied)
    missing = [path.name for number, path in files() if number not in applied]
    if missing:
        raise SchemaBehind(
            f"The schema is behind: {', '.join(missing)} not applied: run `pkgintel migrate` before the workers start."
        )


def _applied(conn: Connection) -> dict[int, str]:
    rows = conn.execute("SELECT number, hash FROM public.pkgintel_migrations").fetchall()
    return {row["number"]: row["hash"] for row in rows}


def _refuse_the_unknown(applied: dict[int, str]) -> None:
    known = {number: fingerprint(path) for number, path in files()}
    newer = sorted(set(applied) - set(known))
    if newer:
        raise SchemaBehind(
            f"The database has migration {newer[-1]:04d}, which this version of pkgintel does not know: upgrade it."
        )
    changed = [number for number, hash_ in applied.items() if known[number] != hash_]
    if changed:
        raise SchemaBehind(f"Migration {changed[0]:04d} was changed after it had been applied; restore the file.")


def fingerprint(path: Path) -> str:
    """What a migration is known by, once it was applied: the SHA-256 of its file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
