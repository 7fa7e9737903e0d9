"""`pkgintel psql` and the Python shell: ways in that a person needs, with nothing foreign in them."""

import os
import subprocess
import sys

from pkgintel.runtime import deployment
from pkgintel.settings import Deployment
from tests.support.checkout import CHECKOUT


def tell(settings: Deployment, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=CHECKOUT,
        env={**os.environ, **deployment.environment(settings)},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def test_psql_opens_the_database_and_shows_no_password_in_the_process_list(settings: Deployment) -> None:
    more = f"{settings.database_url}{'&' if '?' in settings.database_url else '?'}channel_binding=disable"
    settings = settings.model_copy(update={"database_url": more})
    query = "SELECT current_database(), current_setting('application_name'); SHOW search_path"
    done = tell(
        settings, "pkgintel", "psql", "-At", "-c", query, "-c", "\\! ps -o args= -p $PPID; echo bound $PGCHANNELBINDING"
    )
    assert done.returncode == 0, done.stderr
    assert settings.database_url.rpartition("/")[2].partition("?")[0] in done.stdout
    assert "pkgintel psql" in done.stdout
    assert "bound disable" in done.stdout, "every parameter of the address holds"
    assert "postgresql://" not in done.stdout
    assert tell(settings, "pkgintel", "psql", "-c", "SELECT no").returncode == 1


def test_an_error_in_the_plain_shell_is_that_error_alone(settings: Deployment) -> None:
    done = tell(settings, "celery", "-A", "pkgintel", "shell", given="1/0\n")
    assert "ZeroDivisionError" in done.stderr, done.stdout + done.stderr
    assert "ModuleNotFoundError" not in done.stderr
