"""The schema's migrations: numbered plain SQL files, applied in order under an advisory lock, known by their hash.

A library for them would need a configuration and a connection of its own for what takes a few functions here.
"""

import hashlib
from pathlib import Path

from pkgintel.database import SQL, Connection, connect, sql
from pkgintel.errors import SchemaBehind

MIGRATION_LOCK = 0x706B6769  # "pkgi"; any number that all our processes share.


def files() -> list[tuple[int, Path]]:
    """Number and file of every migration, in order."""
    return sorted((int(path.name[:4]), path) for path in (SQL / "migrations").glob("[0-9][0-9][0-9][0-9]_*.sql"))


def apply(url: str) -> list[str]:
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
        for number, path in files():
            if number not in applied:
                conn.execute(path.read_bytes())
                conn.execute(
                    "INSERT INTO public.pkgintel_migrations (number, name, hash) VALUES (%s, %s, %s)",
                    (number, path.name, fingerprint(path)),
                )
                done.append(path.name)
        return done


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
