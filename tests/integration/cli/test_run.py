"""`pkgintel run` where something it needs cannot be reached: one sentence, and what to do."""

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
