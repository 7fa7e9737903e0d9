"""`pkgintel run` where something it needs cannot be reached: one sentence, and what to do."""

import json
import os
import subprocess
import sys
from pathlib import Path

from pkgintel.runtime import deployment
from pkgintel.sample.server import serve
from pkgintel.settings import Settings


def test_a_license_list_out_of_reach_names_the_remedy_which_works(settings: Settings, tmp_path: Path) -> None:
    with serve() as server:
        environ = {**os.environ, **deployment.environment(settings), "PKGINTEL_HOME": str(tmp_path)}
        lists = {name: f"PKGINTEL_SPDX_{name.upper()}_URL" for name in ("licenses", "exceptions")}
        command = [sys.executable, "-m", "pkgintel", "run", "--catalog", server.url, "--max-pages", "1"]
        away = {**environ, **dict.fromkeys(lists.values(), "http://127.0.0.1:1/licenses.json")}
        done = subprocess.run(command, env=away, capture_output=True, text=True, check=False)
        assert done.returncode == 3
        assert "The SPDX license list cannot be reached" in done.stderr
        assert "`pkgintel sample` serves one as /spdx/licenses.json" in done.stderr
        root = server.url.removesuffix("/v3/index.json")
        near = {**environ, **{variable: f"{root}/spdx/{name}.json" for name, variable in lists.items()}}
        done = subprocess.run(command, env=near, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_a_start_after_the_newest_commit_is_a_wrong_argument(settings: Settings, tmp_path: Path) -> None:
    with serve() as server:
        environ = {**os.environ, **deployment.environment(settings), "PKGINTEL_HOME": str(tmp_path)}
        command = [sys.executable, "-m", "pkgintel", "run", "--catalog", server.url, "--since", "2199-01-01", "--json"]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert "PKGINTEL_SINCE (--since) is 2199-01-01T00:00:00Z, and the newest commit" in done.stderr
        assert json.loads(done.stdout)["error_type"] == "SettingsError"
