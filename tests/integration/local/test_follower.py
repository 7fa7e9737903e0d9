"""Which catalog a command means that names none: that of a running `pkgintel up`, else the one used last."""

import os
import subprocess
import sys
from pathlib import Path

from pkgintel import database
from pkgintel.database import migrations
from pkgintel.errors import ServiceUnavailable
from pkgintel.local import follower
from pkgintel.local import services as embedded
from pkgintel.runtime import deployment
from tests.support.checkout import CHECKOUT
from tests.support.homes import Home, soon

FOLLOWED, OTHER = "http://127.0.0.1:1/followed.json", "http://127.0.0.1:1/other.json"


def migrated(url: str) -> bool:
    try:
        with database.connect(url) as conn:
            migrations.require_schema(conn)
    except ServiceUnavailable:
        return False
    return True


def test_no_other_command_changes_what_commands_mean_under_a_running_deployment(home: Home, tmp_path: Path) -> None:
    def pkgintel(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pkgintel", *words],
            cwd=CHECKOUT,
            env=os.environ | {"PKGINTEL_HOME": str(home.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def meant() -> str:
        return deployment.resolve(home.settings).database_url

    services = embedded.hold(home.settings)
    followed, other = services.postgres_url_for(embedded.database_name(FOLLOWED)), services.database(OTHER)[0]
    (tmp_path / "Procfile").write_text("idle: sleep 600\n")
    up = pkgintel("up", "--catalog", FOLLOWED, "--procfile", str(tmp_path / "Procfile"))
    try:
        soon(lambda: follower.catalog(home.path) == FOLLOWED, "up follows its catalog")
        deployment.remember(home.settings, OTHER)  # As `pkgintel run --catalog …` does.
        assert meant() == followed
        assert deployment.resolve(home.settings, OTHER).database_url == other, "who names one gets it"
        soon(lambda: migrated(followed), "up has migrated")
        listed = pkgintel("runs")
        out, err = listed.communicate()
        assert (listed.returncode, out) == (0, "No run is recorded yet.\n"), err
        assert err.startswith(f"pkgintel: catalog {FOLLOWED}, which `pkgintel up` follows now (")
        assert f"also has {OTHER})" in err
    finally:
        up.terminate()
        up.communicate()
    assert meant() == other
    assert deployment.choice(home.settings) == (f"catalog {OTHER}, the one used last ({home.path} also has {FOLLOWED})")
