"""The application of Celery: importing it changes nothing, and its configuration is read when it is needed."""

import os
import subprocess
import sys
from pathlib import Path

IMPORT = """
import os
from kombu.transport import redis
before, channel = dict(os.environ), redis.Transport.Channel
import pkgintel.cli.run, pkgintel.cli.status, pkgintel.flower.page, pkgintel.tasks
assert dict(os.environ) == before
assert redis.Transport.Channel is channel
print("imported")
"""
CONNECT = """
from pkgintel.celery import app
from pkgintel.runtime import channel
connection = app.connection_for_write()
assert connection.get_transport_cls() is channel.Transport
assert connection.clone().get_transport_cls().Channel is channel.Channel
print(connection.as_uri())
"""


def told(code: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PKGINTEL_HOME": str(home), **variables}
    return subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)


def test_importing_the_application_changes_and_starts_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = told(IMPORT, home, PKGINTEL_REDIS_URL="nowhere")
    assert done.stdout == "imported\n", done.stderr
    assert not home.exists()


def test_a_wrong_setting_ends_the_process_when_a_setting_of_celery_is_asked_for(tmp_path: Path) -> None:
    code = IMPORT + "pkgintel.celery.app.conf.broker_url"
    done = told(code, tmp_path / "home", PKGINTEL_REDIS_URL="nowhere")
    assert (done.returncode, done.stdout) == (2, "imported\n")
    assert done.stderr == "pkgintel: PKGINTEL_REDIS_URL is wrong: must begin with redis:// or rediss://.\n"


def test_only_our_connections_have_our_channel(tmp_path: Path) -> None:
    addresses = {"PKGINTEL_DATABASE_URL": "postgresql://h/d", "PKGINTEL_REDIS_URL": "redis://:secret@127.0.0.1:1/3"}
    done = told(CONNECT, tmp_path, **addresses)
    assert done.stdout == "redis://:**@127.0.0.1:1/3\n", done.stderr
