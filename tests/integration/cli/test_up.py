"""`pkgintel up` on small Procfiles: order, new starts, signals, and nobody left behind.

All of it is here, for what starts and watches such a deployment serves every test.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from pkgintel.cli import up
from pkgintel.errors import SettingsError
from pkgintel.local import procfile as supervisor
from tests.support.checkout import CHECKOUT
from tests.support.waiting import until

RUNNER = """
import sys
from pathlib import Path
from pkgintel.local import procfile as supervisor
supervisor.PAUSES = (0.1, 0.3)
folder = Path(sys.argv[1])
def say(name, line):
    print(f"{name}| {line}", flush=True)
processes = [supervisor.Process(name, line, {"PATH": "/usr/bin:/bin", "DIR": str(folder)}, folder, say)
             for name, line in supervisor.read(folder / "Procfile").items()]
sys.exit(0 if supervisor.supervise(processes, grace=float(sys.argv[2])) else 1)
"""
# Says its name and its end; `sleep` in the background, so that a signal is handled at once.
POLITE = """
    trap 'echo {name} ends; kill $!; exit 0' TERM
    echo {name} begins as $$
    while :; do sleep 60 & wait; done
"""
DEAF = """
    trap '' TERM
    echo {name} begins as $$
    while :; do sleep 1; done
"""


class Supervised:
    """A supervisor as a process, and what it has said."""

    def __init__(self, folder: Path, grace: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNNER, str(folder), str(grace)],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def says(self, pattern: str, times: int = 1) -> re.Match[str]:
        """The last of `times` lines that match; waits for it."""

        def found() -> list[re.Match[str]]:
            return [match for line in self.lines if (match := re.search(pattern, line))]

        until(lambda: len(found()) >= times, f"{pattern} in {self.lines}")
        return found()[-1]

    def ends(self, timeout: float = 20) -> int:
        code = self.process.wait(timeout)
        self._reader.join(5)
        return code


Start = Callable[..., Supervised]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a supervisor on scripts given by name."""
    started: list[Supervised] = []

    def run(grace: float = 10, /, **scripts: str) -> Supervised:
        for name, script in scripts.items():
            (tmp_path / f"{name}.sh").write_text(textwrap.dedent(script.replace("{name}", name)))
        (tmp_path / "Procfile").write_text("".join(f"{name}: sh $DIR/{name}.sh\n" for name in scripts))
        started.append(Supervised(tmp_path, grace))
        return started[-1]

    yield run
    for one in started:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGTERM)
            one.process.send_signal(signal.SIGINT)
            one.process.wait(20)


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
    return subprocess.run(["ps", "-p", str(pid)], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_starts_in_order_and_stops_in_reverse(start: Start, ending: signal.Signals) -> None:
    run = start(one=POLITE, two=POLITE, three=POLITE)
    pids = [int(run.says(f"{name} begins as (\\d+)")[1]) for name in ("one", "two", "three")]
    assert pids == sorted(pids)
    run.process.send_signal(ending)
    assert run.ends() == 0
    assert [line for line in run.lines if line.endswith("ends")] == [f"{n}| {n} ends" for n in ("three", "two", "one")]
    assert not any(map(alive, pids))


def test_what_ends_is_started_again_with_growing_pauses(start: Start) -> None:
    run = start(steady=POLITE, beat="echo tick; exit 3")
    run.says("tick", times=4)
    assert run.says(r"beat\| ended with code 3; it is started again in ([\d.]+) s", times=3)[1] == "0.3"
    assert sum("steady begins" in line for line in run.lines) == 1
    pid = int(run.says(r"steady begins as (\d+)")[1])
    os.kill(pid, signal.SIGKILL)
    run.says(r"steady\| ended by SIGKILL")
    assert int(run.says(r"steady begins as (\d+)", times=2)[1]) != pid
    run.process.send_signal(signal.SIGINT)
    assert run.ends() == 0


def test_only_the_leader_is_asked_to_end(start: Start) -> None:
    """A worker's children must not get the signal: they have a page to finish."""
    child = "sh -c 'trap \"echo child was signalled\" TERM; echo child listens; sleep 1; echo child is through'"
    run = start(worker=f"trap 'wait; exit 0' TERM\n{child} &\necho ready\nwait\nwait\n")
    run.says("ready")
    run.says("child listens")
    run.process.send_signal(signal.SIGTERM)
    assert run.ends() == 0
    assert "worker| child is through" in run.lines
    assert not any("signalled" in line for line in run.lines)


def test_a_second_signal_kills(start: Start) -> None:
    run = start(60, deaf=DEAF, polite=POLITE)
    pid = int(run.says(r"deaf begins as (\d+)")[1])
    run.process.send_signal(signal.SIGINT)
    run.says("polite ends")
    assert alive(pid)
    run.process.send_signal(signal.SIGINT)
    assert run.ends(5) == 1
    assert not alive(pid)


def test_patience_has_an_end(start: Start) -> None:
    run = start(0.5, deaf=DEAF)
    pid = int(run.says(r"deaf begins as (\d+)")[1])
    run.process.send_signal(signal.SIGTERM)
    assert run.ends(5) == 1
    assert not alive(pid)


def test_a_dead_leader_leaves_no_children(start: Start) -> None:
    run = start(worker="sleep 300 &\necho child is $!\nwait\n")
    child = int(run.says(r"child is (\d+)")[1])
    leader = run.process.pid
    os.kill(_parent(child), signal.SIGKILL)
    run.says("ended by SIGKILL")
    until(lambda: not alive(child), "the child is gone")
    assert alive(leader)
    last = int(run.says(r"child is (\d+)", times=2)[1])
    run.process.send_signal(signal.SIGTERM)
    assert run.ends() in (0, 1)
    assert not alive(last)


def _parent(pid: int) -> int:
    return int(subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, check=True).stdout)


# The supervisor asks the kernel for it by prctl(2), which other systems do not have.
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
def test_nobody_outlives_a_killed_supervisor(start: Start) -> None:
    run = start(one=POLITE, two=POLITE)
    pids = [int(run.says(f"{name} begins as (\\d+)")[1]) for name in ("one", "two")]
    run.process.kill()
    run.process.wait(5)
    until(lambda: not any(map(alive, pids)), "they end")


def test_last_words_and_long_lines_are_passed_on(start: Start) -> None:
    run = start(
        talk="printf 'no newline'; sleep 0.1; exit 1", much="head -c 300000 /dev/zero | tr '\\0' x; echo; sleep 60"
    )
    run.says(r"^talk\| no newline$")
    assert len(run.says(r"^much\| (x+)$")[1]) == 300000


# The Procfile


def test_the_procfile_of_this_checkout_has_worker_beat_and_flower() -> None:
    commands = supervisor.read(CHECKOUT / "Procfile")
    assert list(commands) == ["worker", "beat", "flower"]
    assert all(line.startswith(f"celery -A pkgintel {name}") for name, line in commands.items())
    assert "--address=127.0.0.1" in commands["flower"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "worker celery\n", "worker:\n", "a: x\na: y\n", "two words: x\n"])
def test_what_is_no_procfile_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "Procfile").write_text(text)
    with pytest.raises(SettingsError, match="Procfile"):
        supervisor.read(tmp_path / "Procfile")


def test_a_missing_procfile_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        supervisor.read(tmp_path / "Procfile")


# The command


def test_a_port_in_use_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("FLOWER_PORT", str(taken.getsockname()[1]))
        result = CliRunner().invoke(up.command)
    assert isinstance(result.exception, SettingsError)
    assert "is in use: set FLOWER_PORT to a free one" in str(result.exception)


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1"])
def test_a_wrong_port_is_one_sentence(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("FLOWER_PORT", port)
    assert "FLOWER_PORT is wrong" in str(CliRunner().invoke(up.command).exception)


@pytest.mark.processes
def test_up_migrates_runs_a_procfile_with_everything_resolved_and_ends_with_0(
    tmp_path: Path, empty_database: str, redis_url: str
) -> None:
    (tmp_path / "Procfile").write_text("show: echo $PKGINTEL_DATABASE_URL; command -v celery; sleep 60\n")
    up = subprocess.Popen(
        [sys.executable, "-m", "pkgintel", "up", "--procfile", str(tmp_path / "Procfile")],
        cwd=CHECKOUT,
        env={**os.environ, "PKGINTEL_DATABASE_URL": empty_database, "PKGINTEL_REDIS_URL": redis_url},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert up.stdout is not None
        lines: list[str] = []
        while not (lines and lines[-1].endswith("/celery")):
            lines.append(up.stdout.readline().rstrip("\n"))
            assert lines[-1], lines
            assert "started again" not in lines[-1], lines
        assert "pkgintel: migrated 0001_tables.sql" in lines
        assert f"show │ {empty_database}" in lines
        password = empty_database.split(":")[2].split("@")[0]
        assert not any(password in line for line in lines if line.startswith("pkgintel:"))
        up.send_signal(signal.SIGTERM)
        assert up.wait(20) == 0
    finally:
        up.kill()
        up.wait()
        if up.stdout:
            up.stdout.close()


@pytest.mark.processes
def test_what_up_follows_is_what_the_other_commands_then_mean(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("show: echo $PKGINTEL_DATABASE_URL; sleep 60\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PKGINTEL_")}
    environment["PKGINTEL_HOME"] = str(tmp_path / "home")
    words = [sys.executable, "-m", "pkgintel"]
    up = subprocess.Popen(
        [*words, "up", "--catalog", "sample", "--procfile", str(tmp_path / "Procfile")],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert up.stdout is not None
        follows = next(line for line in up.stdout if line.startswith("show │"))
        told = subprocess.run(
            [*words, "status", "--json"], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
        )
        assert told.returncode == 1, told.stderr
        assert json.loads(told.stdout)["database"] in follows
    finally:
        up.terminate()
        up.wait(20)
        if up.stdout:
            up.stdout.close()


@pytest.fixture
def empty_database(request: pytest.FixtureRequest) -> Iterator[str]:
    from tests.support.databases import fresh_database

    with fresh_database(request.getfixturevalue("services"), None) as url:
        yield url
