"""Redis and Postgres as a managed service gives them: by TLS alone, with a password, under an authority of their own.

Two kinds: the servers that are installed on this machine (the embedded ones have no TLS), and containers of them.
"""

import functools
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import redis

from pkgintel.local.server import free_port
from tests.support.places import quick_place
from tests.support.waiting import until

PASSWORD = "p:w/d@ü%1"  # Every character of it is one that an address has to quote.
QUOTED = quote(PASSWORD, safe="")
CERTIFICATES = ("server.key", "server.crt")


@dataclass(frozen=True)
class Secured:
    """Where the two servers are, and the certificates: of the authority that vouches for them, and of another."""

    redis_port: int
    postgres_port: int
    ca: Path
    stranger: Path

    def redis(self, *, password: str = QUOTED, ca: Path | None = None, host: str = "localhost", db: int = 0) -> str:
        """The address of Redis, as a person would write it."""
        query = f"ssl_cert_reqs=required&ssl_ca_certs={ca or self.ca}"
        return f"rediss://:{password}@{host}:{self.redis_port}/{db}?{query}"

    def postgres(
        self, *, password: str = QUOTED, ca: Path | None = None, host: str = "localhost", name: str = "pkgintel"
    ) -> str:
        """The address of Postgres, which is fully verified."""
        query = f"sslmode=verify-full&sslrootcert={ca or self.ca}"
        return f"postgresql://pkgintel:{password}@{host}:{self.postgres_port}/{name}?{query}"


@functools.cache
def postgres_binaries() -> Path | None:
    """Where a Postgres of this system lies, if there is one that knows TLS."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places += [Path(found).resolve().parent for found in (shutil.which("postgres"),) if found]
    for place in places:
        if (place / "initdb").exists() and _links_tls(place / "postgres"):
            return place
    return None


@functools.cache
def redis_binary() -> str | None:
    """A Redis or Valkey of this system, if there is one that knows TLS."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and _links_tls(Path(found)):
            return found
    return None


def _links_tls(program: Path) -> bool:
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    return "libssl" in done.stdout


def missing() -> str | None:
    """Why there can be no such servers on this machine."""
    if shutil.which("openssl") is None:
        return "there is no openssl to make certificates with"
    if redis_binary() is None:
        return "no Redis or Valkey that knows TLS is installed here (Debian's packages do, the embedded one does not)"
    if postgres_binaries() is None:
        return "no PostgreSQL that knows TLS is installed here (Debian's packages do, the embedded one does not)"
    if os.geteuid() == 0 and _account() is None:
        return "PostgreSQL does not run as root, and there is no account postgres"
    return None


def _account() -> pwd.struct_passwd | None:
    return next((user for user in pwd.getpwall() if user.pw_name == "postgres"), None)


def authority(folder: Path, name: str) -> Path:
    """A new authority: the path of its certificate, beside its key."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    _openssl("req", "-x509", *_NEW, "-days", "2", "-subj", f"/CN={name}", "-keyout", key, "-out", certificate)
    return certificate


_NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def certify(folder: Path, ca: Path, *hosts: str) -> None:
    """The key and the certificate of a server called `hosts`, in `folder`."""
    key, certificate = (folder / name for name in CERTIFICATES)
    names = ",".join(["IP:127.0.0.1", *(f"DNS:{host}" for host in hosts)])
    request, extensions = folder / "server.csr", folder / "server.ext"
    extensions.write_text(f"subjectAltName={names}\n")
    _openssl("req", *_NEW, "-subj", f"/CN={hosts[0]}", "-keyout", key, "-out", request)
    signed = ("-CA", ca, "-CAkey", ca.with_suffix(".key"), "-CAcreateserial", "-days", "2", "-extfile", extensions)
    _openssl("x509", "-req", "-in", request, *signed, "-out", certificate)


def _openssl(*words: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def installed() -> Iterator[Secured]:
    """The servers that this machine has, as processes of its own."""
    folder = Path(tempfile.mkdtemp(prefix="pkgintel-secured-", dir=quick_place()))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)  # Postgres runs as somebody else, where this is root.
        ca, stranger = authority(folder, "ca"), authority(folder, "stranger")
        certify(folder, ca, "localhost")
        made = Secured(free_port(), free_port(), ca, stranger)
        stack.enter_context(_process(folder / "redis.log", _redis(folder, made.redis_port)))
        command, options = _postgres(folder, made.postgres_port)
        stack.enter_context(_process(folder / "postgres.log", command, **options))
        wait_for(made)
        yield made


def _redis(folder: Path, port: int) -> list[str]:
    (folder / "redis").mkdir()
    words = [str(redis_binary()), "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1"]
    words += ["--tls-cert-file", str(folder / "server.crt"), "--tls-key-file", str(folder / "server.key")]
    words += ["--tls-auth-clients", "no", "--requirepass", PASSWORD, "--dir", str(folder / "redis"), "--save", ""]
    return [*words, "--appendonly", "yes", "--maxmemory-policy", "noeviction"]


def _postgres(folder: Path, port: int) -> tuple[list[str], dict[str, Any]]:
    place, home = postgres_binaries(), folder / "postgres"
    options: dict[str, Any] = {"cwd": "/"}
    assert place is not None
    home.mkdir()
    for name in CERTIFICATES:
        shutil.copy(folder / name, home)
    (home / "server.key").chmod(0o600)
    (home / "password").write_text(PASSWORD + "\n")
    if os.geteuid() == 0 and (user := _account()):
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        for path in (home, *home.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)
    data = str(home / "data")
    words = ["-D", data, "-U", "pkgintel", "-A", "scram-sha-256", "--pwfile", str(home / "password")]
    words += ["-E", "UTF8", "--locale", "C", "--no-sync"]
    made = subprocess.run([place / "initdb", *words], capture_output=True, text=True, check=False, **options)
    assert made.returncode == 0, made.stderr
    (home / "data" / "pg_hba.conf").write_text("hostssl all all all scram-sha-256\n")  # Nobody comes in without TLS.
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "ssl": "on",
        "ssl_cert_file": str(home / "server.crt"),
        "ssl_key_file": str(home / "server.key"),
        "fsync": "off",
    }
    told = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [str(place / "postgres"), "-D", data, "-p", str(port), *told], options


@contextmanager
def _process(log: Path, command: list[str], **options: Any) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, **options)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def containers(*, network: str | None = None, hosts: tuple[str, ...] = ()) -> Iterator[Secured]:
    """The same out of the images redis:8 and postgres:17, published on loopback; in `network` they bear `hosts`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pkgintel-secured-")))
        ca, stranger = authority(folder, "ca"), authority(folder, "stranger")
        certify(folder, ca, "localhost", *hosts)
        place = {name: (folder / name).read_text() for name in CERTIFICATES}
        # The certificates go in by the environment, so that an engine elsewhere needs no file of ours.
        lay = (
            'umask 077; printf "%s" "$KEY" >/tmp/server.key; printf "%s" "$CRT" >/tmp/server.crt; '
            "chown {} /tmp/server.*; "
        )
        redis_ = (
            "exec docker-entrypoint.sh redis-server --port 0 --tls-port 6379 --tls-cert-file /tmp/server.crt "
            '--tls-key-file /tmp/server.key --tls-auth-clients no --requirepass "$PASSWORD" --appendonly yes '
            "--maxmemory-policy noeviction"
        )
        postgres = (
            "printf 'local all all trust\\nhostssl all all all scram-sha-256\\n' >/tmp/hba; chown postgres /tmp/hba; "
            "exec docker-entrypoint.sh postgres -c ssl=on -c ssl_cert_file=/tmp/server.crt "
            "-c ssl_key_file=/tmp/server.key -c hba_file=/tmp/hba"
        )
        ports = {}
        for name, image, port, script in (
            ("redis", "redis:8", 6379, lay.format("redis") + redis_),
            ("postgres", "postgres:17", 5432, lay.format("postgres") + postgres),
        ):
            called = f"pkgintel-secured-{name}-{uuid.uuid4().hex[:8]}"
            words = ["--name", called, "--publish", f"127.0.0.1::{port}"]
            if network:
                words += ["--network", network, "--network-alias", f"managed-{name}"]
            variables = {"KEY": place["server.key"], "CRT": place["server.crt"], "PASSWORD": PASSWORD}
            variables |= {"POSTGRES_USER": "pkgintel", "POSTGRES_DB": "pkgintel", "POSTGRES_PASSWORD": PASSWORD}
            words += [word for key in variables for word in ("--env", key)]
            stack.callback(_docker, "rm", "--force", "--volumes", called)
            _docker("run", "--detach", *words, "--entrypoint", "sh", image, "-c", script, env=os.environ | variables)
            ports[name] = int(_docker("port", called, str(port)).splitlines()[0].rpartition(":")[2])
        made = Secured(ports["redis"], ports["postgres"], ca, stranger)
        wait_for(made, timeout=90)
        yield made


def _docker(*words: str, **options: Any) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"docker {' '.join(words)}\n{done.stderr}"
    return str(done.stdout)


def wait_for(made: Secured, timeout: float = 30) -> None:
    """Until both answer, and Postgres has a database pkgintel; that they refuse who does not speak TLS."""

    def there() -> bool:
        try:
            with psycopg.connect(made.postgres(name="postgres"), autocommit=True, connect_timeout=5) as admin:
                if not admin.execute("SELECT 1 FROM pg_database WHERE datname = 'pkgintel'").fetchone():
                    admin.execute("CREATE DATABASE pkgintel")
            with redis.Redis.from_url(made.redis(), socket_timeout=5) as client:
                return bool(client.ping())
        except (psycopg.OperationalError, redis.RedisError, OSError):
            return False

    until(there, "the secured servers answer", timeout)
