"""Managed services by their address alone: Redis and Postgres that speak TLS only and ask for a password.

Everything that opens a connection of its own is there: worker, beat, Flower, the fleet's limit, the command line.
"""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from pkgintel import database
from pkgintel.errors import ServiceUnavailable
from pkgintel.local.server import free_port
from pkgintel.runtime import broker
from pkgintel.sample.server import serve
from tests.support import engine, secured
from tests.support.checkout import CHECKOUT
from tests.support.commands import command
from tests.support.secured import PASSWORD, QUOTED, Secured
from tests.support.waiting import until

pytestmark = pytest.mark.processes

NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module", params=["installed", pytest.param("containers", marks=pytest.mark.containers)])
def managed(request: pytest.FixtureRequest) -> Iterator[Secured]:
    """The two servers, as this machine has them installed or out of images; skipped where it can have neither."""
    kind = request.param
    if reason := secured.missing() if kind == "installed" else engine.missing():
        # The embedded servers know no TLS, so they must be installed here or come out of images.
        pytest.skip(reason)
    with secured.installed() if kind == "installed" else secured.containers() as made:
        yield made


@pytest.fixture
def environment(managed: Secured, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What an operator sets: two addresses, and where the sample catalog is."""
    with serve() as sample:
        yield {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PKGINTEL_", "FLOWER_"))},
            "PKGINTEL_DATABASE_URL": managed.postgres(),
            "PKGINTEL_REDIS_URL": managed.redis(),
            "PKGINTEL_SERVICE_INDEX_URL": sample.url,
            "PKGINTEL_SPDX_LICENSES_URL": sample.licenses_url,
            "PKGINTEL_SPDX_EXCEPTIONS_URL": sample.exceptions_url,
            "PKGINTEL_HOME": str(tmp_path / "home"),
        }


def pkgintel(environment: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    return command(words, environment, patience=180)


@contextmanager
def running(environment: dict[str, str], log: Path, *words: str) -> Iterator[Callable[[], str]]:
    """A process of Celery, and what it has written so far."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "pkgintel", *words],
            cwd=CHECKOUT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield lambda: log.read_text(errors="replace")
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_the_main_job_and_everything_that_keeps_it_going(
    managed: Secured, environment: dict[str, str], tmp_path: Path
) -> None:
    done = pkgintel(environment, "run", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["outcome"], told["rejected"]) == ("done", 0)
    assert told["leaves"] > 1000
    assert all(told["verdicts"].values())

    port = free_port()
    with (
        running(environment, tmp_path / "worker.log", "worker", "-c", "1", "-l", "INFO", "-n", "tls@%h") as worker,
        running(environment, tmp_path / "beat.log", "beat") as beat,
        running(environment, tmp_path / "flower.log", "flower", f"--port={port}") as flower,
        redis.Redis.from_url(managed.redis()) as client,
    ):

        def page(path: str) -> str:
            try:
                with NO_PROXY.open(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                    return str(answer.read().decode())
            except OSError:
                return ""

        switched = pkgintel(environment, "schedule", "enable", "nuget")
        assert switched.returncode == 0, switched.stderr
        until(lambda: client.exists("pkgintel:beat::lock"), "beat holds its lock")
        assert b'"enabled": true' in client.hget("pkgintel:beat:nuget", "definition")
        until(lambda: " ready." in worker(), "the worker is ready")
        shown = json.loads(pkgintel(environment, "status", "--json").stdout)
        assert [it["name"].partition("@")[0] for it in shown["workers"]] == ["tls"]
        assert set(shown["queues"]) == {"ops", "catalog", "pages", "replays", "verdicts"}
        until(lambda: "pkgintel_broker_up 1.0" in page("/metrics"), "the metrics have asked Redis")
        assert "pkgintel_up 1.0" in page("/metrics")
        until(lambda: re.search(r"<td[^>]*>\s*replays\s*</td>", page("/broker")), "Flower knows the queues")
        assert "raw_nuget_packages" in page("/pipeline")
        inspected = subprocess.run(
            [sys.executable, "-m", "celery", "-A", "pkgintel", "inspect", "conf"],
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        assert "redbeat_redis_url" in inspected
        pages = "".join(map(page, ("/workers", f"/worker/{shown['workers'][0]['name']}", "/broker", "/pipeline")))
        assert "redbeat_redis_url" in pages
        everything = (
            inspected + pages + worker() + beat() + flower() + (tmp_path / "home" / "logs" / "worker.log").read_text()
        )
    for secret in (PASSWORD, QUOTED):
        assert secret not in everything + done.stderr
    assert "CERTIFICATE" not in everything


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("stranger", r"CERTIFICATE_VERIFY_FAILED.*; name the authority that signed .*: …\?ssl_ca_certs=FILE\.$"),
        ("password", r"invalid username-password pair or user is disabled\.$"),
        ("plain", r"; if it wants TLS, its address begins with rediss://\.$"),
    ],
)
def test_a_redis_that_does_not_let_us_in_is_one_sentence(managed: Secured, wrong: str, says: str) -> None:
    url = {
        "stranger": managed.redis(ca=managed.stranger),
        "password": managed.redis(password="not-it"),
        "plain": managed.redis().partition("?")[0].replace("rediss://", "redis://"),
    }[wrong]
    with pytest.raises(ServiceUnavailable, match=r"^Redis cannot be used at .*: ") as refused:
        broker.require(url)
    sentence = str(refused.value)
    assert re.search(says, sentence), sentence
    assert "\n" not in sentence
    for secret in (PASSWORD, QUOTED, "not-it"):
        assert secret not in sentence


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("stranger", "certificate verify failed"),
        ("password", "password authentication failed"),
        ("plain", "no encryption"),
    ],
)
def test_a_postgres_that_does_not_let_us_in_is_one_sentence(managed: Secured, wrong: str, says: str) -> None:
    url = {
        "stranger": managed.postgres(ca=managed.stranger),
        "password": managed.postgres(password="not-it"),
        "plain": managed.postgres().replace("sslmode=verify-full", "sslmode=disable"),
    }[wrong]
    with pytest.raises(ServiceUnavailable, match=r"^Postgres cannot be reached at ") as refused:
        database.connect(url)
    sentence = str(refused.value)
    assert says in sentence
    assert "\n" not in sentence
    for secret in (PASSWORD, QUOTED, "not-it"):
        assert secret not in sentence


def test_a_wrong_address_ends_the_main_job_before_anything_starts(
    managed: Secured, environment: dict[str, str]
) -> None:
    plain = managed.redis().partition("?")[0].replace("rediss://", "redis://")
    done = pkgintel(environment | {"PKGINTEL_REDIS_URL": plain}, "run")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("pkgintel: Redis cannot be used at localhost:")
    assert "Traceback" not in done.stderr
