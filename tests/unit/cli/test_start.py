"""A command starts with what it needs alone."""

import os
import subprocess
import sys
from pathlib import Path

import kombu.exceptions
import psycopg
import pytest
import redis

from pkgintel import __main__, cli

LIST = "from pkgintel.cli import main; import sys, atexit; atexit.register(lambda: print(*sys.modules)); main()"


def test_an_audit_that_sends_nothing_imports_no_network_and_no_queue(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("Newtonsoft.Json 13.0.1\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PKGINTEL_")}
    words = ["audit", "list.txt", "--offline", "--no-database", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", LIST, *words], cwd=tmp_path, env=kept, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    imported = set(done.stdout.splitlines()[-1].split())
    assert "pkgintel.audit.session" in imported
    assert not imported & {"aiohttp", "httpx", "redis", "kombu", "celery", "tornado", "pkgintel.sample.server"}


def test_ctrl_c_before_anything_is_there_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "pkgintel.cli":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "pkgintel.cli")
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (psycopg.OperationalError("gone\nand more"), "Postgres went away: gone"),
        (psycopg.errors.LockNotAvailable("x"), "another session held a lock"),
        (redis.ConnectionError("gone"), "Redis went away: gone"),
        (kombu.exceptions.OperationalError("gone"), "Redis went away: gone"),
    ],
)
def test_a_server_that_went_away_is_one_sentence(
    error: Exception, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "pkgintel", fails)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_what_was_not_foreseen_is_shown_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "pkgintel", fails)
    with pytest.raises(ZeroDivisionError):
        cli.main()
