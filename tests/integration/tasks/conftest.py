"""The two ticks with real beats: Redis as they see it, the application told of it, and beats to start."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis

from pkgintel.celery import app as the_app
from tests.support.beats import Beat, lay_clock, ticking
from tests.support.checkout import CHECKOUT
from tests.support.patience import quick
from tests.support.processes import working_for


@pytest.fixture
def broker(redis_url: str) -> Iterator["redis.Redis[Any]"]:
    """The Redis of this test."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def clock(database: str, redis_url: str) -> Iterator[Any]:
    """The application of this process, told of the test's Redis."""
    before = (the_app.conf.redbeat_redis_url, the_app.conf.broker_url)
    _forget_redis()
    the_app.conf.redbeat_redis_url = the_app.conf.broker_url = redis_url
    with working_for(quick(database, redis_url)):
        yield the_app
    the_app.conf.redbeat_redis_url, the_app.conf.broker_url = before
    _forget_redis()


def _forget_redis() -> None:
    for name in ("redbeat_conf", "redbeat_redis"):
        if hasattr(the_app, name):
            delattr(the_app, name)


@pytest.fixture
def beat(database: str, redis_url: str, tmp_path: Path) -> Iterator[Beat]:
    """Starts beats; `database_url` and the `crons` (text) or seconds of the ticks may be others, and `environ` more."""
    started: list[subprocess.Popen[bytes]] = []

    def start(
        database_url: str = database,
        environ: Mapping[str, str] = {},
        **crons: str | float,
    ) -> "subprocess.Popen[bytes]":
        lay_clock(tmp_path, crons)
        with (tmp_path / f"beat{len(started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "ticking", "beat", "-l", "INFO"],
                cwd=tmp_path,
                env={**ticking(tmp_path, database_url, redis_url), **environ},
                stdout=log,
                stderr=log,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
    for process in started:
        process.wait()


@pytest.fixture
def supervised(database: str, redis_url: str, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`pkgintel up` with a beat alone, whose nuget tick comes each hour."""
    lay_clock(tmp_path, {"nuget": 3600.0})
    (tmp_path / "Procfile").write_text(f"beat: {sys.executable} -m celery -A ticking beat -l INFO\n")
    with (tmp_path / "up.log").open("wb") as log:
        up = subprocess.Popen(
            [sys.executable, "-m", "pkgintel", "up", "--procfile", str(tmp_path / "Procfile")],
            cwd=CHECKOUT,
            env=ticking(tmp_path, database, redis_url),
            stdout=log,
            stderr=log,
        )
    yield up
    up.terminate()
    assert up.wait(30) == 0, (tmp_path / "up.log").read_text()
