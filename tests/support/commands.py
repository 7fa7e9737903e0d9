"""`pkgintel …` as an operator runs it, each command in a process of its own that need not import anything.

Most of what a command takes is its imports. So one process of each run of the tests has made them, and every command is
a fork of it: with its own environment, output and exit code, like any process, and ten times as soon.
"""

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pkgintel.cli import COMMANDS, main
from tests.support.checkout import CHECKOUT

_FORKING = multiprocessing.get_context("forkserver")
_MODULES = sorted({f"pkgintel.cli.{entry.where.partition(':')[0]}" for entry in COMMANDS.values()})
_FORKING.set_forkserver_preload([__name__, *_MODULES, "pkgintel.cli.status_screen"])


def command(
    words: tuple[str, ...], environment: Mapping[str, str], patience: float
) -> "subprocess.CompletedProcess[str]":
    """What `pkgintel` with these words prints, and its exit code.

    Raises: subprocess.TimeoutExpired after `patience` seconds.
    """
    with tempfile.TemporaryDirectory(prefix="pkgintel-command-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        out.touch()
        err.touch()
        child = _FORKING.Process(target=_be, args=(words, dict(environment), out, err))
        child.start()
        child.join(patience)
        if child.exitcode is None:
            child.kill()
            child.join()
            raise subprocess.TimeoutExpired(words, patience, out.read_text(), err.read_text())
        code = child.exitcode
        child.close()
        return subprocess.CompletedProcess(words, code, out.read_text(), err.read_text())


def _be(words: tuple[str, ...], environment: dict[str, str], out: Path, err: Path) -> None:
    """Become the command: what it would have been given at its start, and what runs at its end."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(CHECKOUT)
    for descriptor, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), descriptor)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (a descriptor, for good)
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = ["pkgintel", *words]
    try:
        main()
    finally:
        atexit._run_exitfuncs()
