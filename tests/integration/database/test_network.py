"""A host whose network goes down inside a transaction, for real: another network namespace, and a link that is cut."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from pkgintel import database as db
from pkgintel.database import migrations
from pkgintel.local.postgres import Postgres
from pkgintel.local.server import free_port
from tests.support.checkout import CHECKOUT

HERE, THERE = "10.231.77.1", "10.231.77.2"
CLIENT = """
import sys
from pkgintel import database as db
conn = db.connect(sys.argv[1])
conn.execute("BEGIN")
conn.execute("SELECT FROM raw.nuget_packages WHERE package_key = %s FOR UPDATE", (sys.argv[2],))
if sys.argv[2] == "in a copy":
    conn.execute("CREATE TEMP TABLE incoming (line text)")
    copying = conn.cursor().copy("COPY incoming FROM STDIN")
    copying.__enter__().write(b"x" * 100_000)
print("locked", flush=True)
sys.stdin.read()
"""


class Reachable(Postgres):
    """An embedded Postgres that other hosts reach too."""

    def command(self) -> list[str]:
        (self.directory / "pg_hba.conf").write_text("host all all all scram-sha-256\n")
        return [*super().command(), "-c", f"listen_addresses=127.0.0.1,{HERE}"]


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def network() -> Iterator[str]:
    """Another host, as far as the kernel knows: the name of its namespace, and of the link to it."""
    if shutil.which("ip") is None:
        pytest.skip("there is no ip (iproute2) to make a network with")
    name = f"pkgi{os.getpid() % 100_000}"
    if os.geteuid() or subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        pytest.skip("only root may make a network namespace, and not in every container")
    try:
        ip("link", "add", name, "type", "veth", "peer", "name", "far", "netns", name)
        ip("addr", "add", f"{HERE}/24", "dev", name)
        ip("link", "set", name, "up")
        ip("-n", name, "addr", "add", f"{THERE}/24", "dev", "far")
        ip("-n", name, "link", "set", "far", "up")
        yield name
    finally:
        with suppress(AssertionError):
            ip("link", "del", name)
        ip("netns", "del", name)


@pytest.fixture
def reachable(network: str, tmp_path: Path) -> Iterator[Postgres]:
    (tmp_path / "logs").mkdir()
    server = Reachable(tmp_path, {"port": free_port()})
    server.start()
    yield server
    server.stop()


def test_a_host_whose_network_goes_down_in_a_transaction_keeps_no_lock(network: str, reachable: Postgres) -> None:
    """One process of it is between two statements, another one in the middle of a COPY, where idling does not count."""
    with db.connect(reachable.url("postgres")) as admin:
        admin.execute("CREATE DATABASE far")
    url = reachable.url("far")
    migrations.apply(url)
    names = ("between statements", "in a copy")
    with ExitStack() as stack:
        conn = stack.enter_context(db.connect(url))
        for name in names:
            conn.execute(
                """INSERT INTO raw.nuget_packages (package_key, package_id, state, commit_ticks)
                   VALUES (%(name)s, %(name)s, 'deleted', 1)""",
                {"name": name},
            )
            inside = ["ip", "netns", "exec", network, sys.executable, "-c", CLIENT, url.replace("127.0.0.1", HERE)]
            lost = subprocess.Popen([*inside, name], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            stack.callback(lost.wait)
            stack.callback(lost.kill)
            assert lost.stdout is not None
            assert lost.stdout.readline() == b"locked\n"
        ip("link", "set", network, "down")
        begun = time.monotonic()
        for name in names:
            conn.execute("SELECT FROM raw.nuget_packages WHERE package_key = %s FOR UPDATE", (name,))
        assert time.monotonic() - begun < db.LOST_WITHIN
        assert lost.poll() is None, "the lost host knows nothing of it"
