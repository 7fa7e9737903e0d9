"""The embedded PostgreSQL and Valkey, for a machine that has neither: `hold(settings)` is all that a command needs.

The servers listen on 127.0.0.1, keep everything under `settings.home`, run while any process holds them, and are
shared by all that do. A process holds them until it exits, however it exits; its forked children hold them too. Who
starts and stops them is the guardian (guardian.py, where the files of a home are listed).
"""

import errno
import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pkgintel import ROOT
from pkgintel.errors import ServiceUnavailable
from pkgintel.local import guardian, postgres
from pkgintel.local.home import disk_full, is_full, open_own, require_own
from pkgintel.local.server import HOST, is_at, lock
from pkgintel.local.valkey import DATABASES, Valkey
from pkgintel.settings import NUGET_ORG, Settings

PATIENCE = 180.0  # Seconds; longer than the guardian's own, so that its sentence comes first.
PAUSE = 0.02
STARTS = 2  # A guardian that dies without a word may have been killed, so it gets a second try.

_held: dict[Path, int] = {}  # The open users.lock of each home that this process holds.
_threads = threading.RLock()


@dataclass(frozen=True)
class Services:
    """Where the embedded servers of one home are."""

    home: Path
    postgres_port: int
    redis_port: int
    postgres_password: str = field(repr=False)
    redis_password: str = field(repr=False)

    def postgres_url_for(self, database: str) -> str:
        """The address of a database, which need not exist yet; `postgres` always does."""
        return postgres.url(self.postgres_port, self.postgres_password, database)

    def redis_url_for(self, number: int) -> str:
        """The address of one of the numbered databases of Redis."""
        return f"redis://:{self.redis_password}@{HOST}:{self.redis_port}/{number}"

    def database(self, catalog: str) -> tuple[str, str]:
        """The addresses (Postgres, Redis) that belong to a catalog: "nuget.org", "sample" or a URL. Made when missing.

        Which number of Redis belongs to a database stands in the database's comment, so the two can only be lost
        together. A number given anew is emptied first: messages of a dropped database must not reach the next one.

        Raises: ServiceUnavailable when all numbers are taken, or when Postgres does not take the commands.
        """
        import psycopg  # Here and below: slow to import, and `hold` can do without.
        import redis

        name = database_name(catalog)
        try:
            with (
                open_own(self.home / "services.lock", "a") as turn,
                psycopg.connect(self.postgres_url_for("postgres"), autocommit=True) as connection,
            ):
                fcntl.flock(turn, fcntl.LOCK_EX)  # A lock in Postgres could be held by whoever may connect.
                rows = connection.execute(
                    "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database"
                ).fetchall()
                numbers = {row[0]: _number(row[1]) for row in rows}
                number = numbers.get(name)
                if number is None:
                    number = next((n for n in range(DATABASES) if n not in numbers.values()), None)
                    if number is None:
                        raise ServiceUnavailable(
                            f"{self.home} holds {DATABASES} catalogs already: set PKGINTEL_HOME anew."
                        )
                    with redis.Redis.from_url(self.redis_url_for(number)) as client:
                        client.flushdb()
                    if name not in numbers:
                        connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
                    comment = json.dumps({"catalog": catalog, "redis": number})
                    connection.execute(
                        psycopg.sql.SQL("COMMENT ON DATABASE {} IS {}").format(psycopg.sql.Identifier(name), comment)
                    )
        except (psycopg.Error, redis.RedisError) as error:
            raise ServiceUnavailable(f"The embedded services in {self.home} failed: {str(error).strip()}") from error
        return self.postgres_url_for(name), self.redis_url_for(number)

    def catalogs(self) -> list[str]:
        """The catalogs that have a database here, by name. Raises: ServiceUnavailable."""
        import psycopg  # As above.

        try:
            with psycopg.connect(self.postgres_url_for("postgres"), autocommit=True) as connection:
                rows = connection.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database").fetchall()
        except psycopg.Error as error:
            raise ServiceUnavailable(f"The embedded services in {self.home} failed: {str(error).strip()}") from error
        found = [re.search(r'"catalog": "([^"]+)"', str(row[0])) for row in rows]
        return sorted(match[1] for match in found if match)

    def last_catalog(self) -> str | None:
        """The catalog that was last remembered in this home."""
        try:
            return (self.home / "last_catalog").read_text().strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def remember_catalog(self, catalog: str) -> None:
        """Make a catalog the default of later commands."""
        temporary = self.home / f"last_catalog.{os.getpid()}"
        with open_own(temporary, "w") as file:
            file.write(catalog + "\n")
        temporary.replace(self.home / "last_catalog")

    def sample_url(self) -> str:
        """The service index of the sample catalog, which the guardian serves from now on, on the same port.

        Raises: ServiceUnavailable when it cannot be served.
        """
        wanted = self.home / "sample.wanted"
        wanted.touch()
        asked, until = wanted.stat().st_mtime_ns, time.monotonic() + 30
        while time.monotonic() < until:
            says = guardian.read(self.home / "guardian.json").get("sample") or {}
            if "port" in says:
                return f"http://{HOST}:{says['port']}/v3/index.json"
            if says.get("asked", 0) >= asked:
                raise ServiceUnavailable(f"The sample catalog cannot be served: {says.get('error')}")
            time.sleep(PAUSE)
        raise ServiceUnavailable(
            f"The sample catalog was not served within 30 s; see {self.home / 'logs' / 'guardian.log'}."
        )


def database_name(catalog: str) -> str:
    """The Postgres database of a catalog: `nuget_org`, `sample`, or `catalog_` and 8 digits that stand for the URL."""
    names = {"nuget.org": "nuget_org", NUGET_ORG: "nuget_org", "sample": "sample"}
    return names.get(catalog) or "catalog_" + hashlib.sha256(catalog.encode()).hexdigest()[:8]


def hold(settings: Settings, say: Callable[[str], None] | None = None) -> Services:
    """Find the services or start them, and hold them until this process exits. May be called as often as you like.

    Called again it also sees to it that a guardian lives, should somebody have killed it. `say` gets one line when
    something has to be started.

    Raises: ServiceUnavailable with one sentence that says what to do.
    """
    services = _enter(settings, say, start=True)
    if services is None:
        raise ServiceUnavailable(f"The embedded services in {settings.home} could not be started.")
    return services


def find(settings: Settings) -> Services | None:
    """The services if they run, held like by `hold`; None if they do not. Starts nothing."""
    return _enter(settings, None, start=False)


def release(home: Path | None = None) -> None:
    """Hold the services of `home` no longer, or none at all, for tests. Children forked earlier still do."""
    with _threads:
        for held in [*_held] if home is None else [Path(os.path.abspath(home))]:  # noqa: PTH100 - As in `_enter`.
            if held in _held:
                os.close(_held.pop(held))


def _enter(settings: Settings, say: Callable[[str], None] | None, *, start: bool) -> Services | None:
    with _threads:
        home = Path(os.path.abspath(settings.home))  # noqa: PTH100 - Unlike resolve() it keeps the name the user gave.
        before = _held.get(home)
        descriptor = before
        services = None
        try:
            if start:
                home.mkdir(mode=0o700, parents=True, exist_ok=True)
            elif not home.is_dir():
                return None
            require_own(home)
            if descriptor is None or not is_at(descriptor, home / "users.lock"):
                descriptor = _register(home)
            services = _find_or_start(home, say, start=start)
        except OSError as error:
            raise ServiceUnavailable(_explain(home, error)) from error
        finally:
            if services is None and descriptor is not None and descriptor != before:
                os.close(descriptor)
        if services is not None and descriptor != before:
            if before is not None:
                os.close(before)
            _held[home] = descriptor
        return services


def _register(home: Path) -> int:
    """The shared lock that says "in use". Waits for a guardian that is stopping its servers."""
    until = time.monotonic() + PATIENCE
    while (descriptor := lock(home / "users.lock", fcntl.LOCK_SH)) is None:
        if time.monotonic() > until:
            raise ServiceUnavailable(f"The embedded services in {home} do not come to an end; see {home / 'logs'}.")
        time.sleep(PAUSE)
    return descriptor


def _find_or_start(home: Path, say: Callable[[str], None] | None, *, start: bool) -> Services | None:
    until = time.monotonic() + PATIENCE
    starts = 0
    shown = home.relative_to(Path.cwd()) if home.is_relative_to(Path.cwd()) else home
    while time.monotonic() < until:
        free = guardian.take(home)
        says = guardian.read(home / "guardian.json")
        if free is not None:
            if starts and ("error" in says or starts == STARTS):
                os.close(free)
                fallback = f"The embedded services in {home} did not start; see {home / 'logs' / 'guardian.log'}."
                raise ServiceUnavailable(disk_full(home) if is_full(home) else str(says.get("error", fallback)))
            if not start:
                os.close(free)
                return None
            if say is not None:
                say(f"starting PostgreSQL and Valkey in {shown} …")
            _start(home, free)
            starts += 1
            import psycopg  # noqa: F401 - Needed next, and now we wait anyway.
        elif says.get("ready") and (services := _services(home)) is not None:
            return services
        time.sleep(PAUSE)
    raise ServiceUnavailable(
        f"The embedded services in {home} do not answer; see {home / 'logs'} "
        "(or does another machine or container use this directory?)."
    )


def _start(home: Path, descriptor: int) -> None:
    """Start a guardian, which inherits the lock that makes it the only one."""
    try:
        (home / "guardian.json").unlink(missing_ok=True)
        log = guardian.open_log(home)
        try:
            subprocess.run(
                [sys.executable, "-m", "pkgintel.local.guardian", str(home), str(descriptor)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(descriptor,),
                start_new_session=True,
                check=False,
            )
        finally:
            os.close(log)
    finally:
        os.close(descriptor)


def _services(home: Path) -> Services | None:
    """What services.json says, if both servers answer to it."""
    known = guardian.read(home / "services.json")
    try:
        services = Services(
            home,
            known["postgres"]["port"],
            known["redis"]["port"],
            known["postgres"]["password"],
            known["redis"]["password"],
        )
    except (KeyError, TypeError):
        return None
    if postgres.answers(services.postgres_url_for("postgres")) != "yes":
        return None
    return services if Valkey(home, known["redis"]).answers() == "yes" else None


def _number(comment: str | None) -> int | None:
    if comment is None:
        return None
    found = re.search(r'"redis": (\d+)', comment)
    return int(found[1]) if found else None


def _explain(home: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return disk_full(home)
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"PKGINTEL_HOME ({home}) is not a directory: set it to one, or move the file away."
    if isinstance(error, PermissionError):
        return (
            f"{error.filename or home} cannot be written by this user: "
            "set PKGINTEL_HOME to a directory of your own, or change its owner."
        )
    return f"PKGINTEL_HOME ({home}) cannot be used: {error.strerror or error}: {error.filename or home}."
