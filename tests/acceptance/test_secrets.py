"""No page, log, message, process list or answer of a worker holds a password: real processes are asked."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from psycopg.conninfo import conninfo_to_dict

from pkgintel.settings import Deployment
from tests.support.checkout import CHECKOUT
from tests.support.flowers import flowers
from tests.support.tls_proxy import tls_proxy
from tests.support.workers import Fleet

pytestmark = pytest.mark.processes


def celery(fleet: Fleet, *words: str) -> str:
    """What a command of Celery's prints."""
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "pkgintel", *words],
        cwd=CHECKOUT,
        env=fleet.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def arguments() -> str:
    """The process list, as every user of the machine sees it: what the tests themselves were started with aside."""
    ours = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return "\n".join(" ".join(process.cmdline()) for process in ours if process.is_running())


@pytest.fixture(params=["plain", "tls"])
def deployment(request: pytest.FixtureRequest, settings: Deployment, tmp_path: Path) -> Iterator[Deployment]:
    """The deployment, with Redis as it is and behind TLS."""
    if request.param == "plain":
        yield settings
        return
    if shutil.which("openssl") is None:
        # The proxy in front of Redis needs a certificate, which the standard library cannot make.
        pytest.skip("no openssl to make certificates with")
    parts = urlsplit(settings.redis_url)
    (tmp_path / "tls").mkdir()
    with tls_proxy(tmp_path / "tls", parts.port or 0) as (port, ca):
        place = f":{parts.password}@localhost:{port}"
        url = parts._replace(scheme="rediss", netloc=place, query=f"ssl_ca_certs={ca}").geturl()
        yield Deployment.model_validate(settings.model_dump(exclude_unset=True) | {"redis_url": url})


def test_nothing_that_is_shown_holds_a_password(deployment: Deployment, tmp_path: Path) -> None:
    settings = deployment
    secrets = [
        str(conninfo_to_dict(settings.database_url)["password"]),
        str(urlsplit(settings.redis_url).password),
        "flower-secret",
    ]
    with ExitStack() as stack:
        fleet = Fleet(stack, settings, tmp_path)
        fleet.worker("one")
        served = stack.enter_context(flowers())(fleet.settings, FLOWER_BASIC_AUTH="ann:flower-secret")
        fleet.send("no.such")
        fleet.send("checks.run_gate", "no gate")
        shown = {
            path: served.get(path, "ann:flower-secret")[1]
            for path in ("/workers", "/worker/one@tests", "/tasks", "/broker", "/pipeline", "/metrics")
        }
        shown |= {path: served.get(path, "ann:flower-secret")[1] for path in ("/api/workers?refresh=1", "/api/tasks")}
        assert "redbeat_redis_url" in shown["/worker/one@tests"]
        asked = [("inspect", "conf"), ("inspect", "stats"), ("inspect", "report"), ("report",)]
        told_by = [("status",), ("status", "--json"), ("schedule", "list"), ("schedule", "enable", "nuget"), ("runs",)]
        if settings.redis_url.startswith("rediss://"):  # The address of Redis is all that is another.
            asked, told_by = asked[:1], told_by[:1]
        for words in asked:
            shown[" ".join(words)] = celery(fleet, *words)
        assert "redbeat_redis_url" in shown["inspect conf"]
        for words in told_by:
            told = fleet.tell(*words)
            shown[f"pkgintel {words}"] = told.stdout + told.stderr
        shown["arguments"] = arguments()
        assert "celery -A pkgintel worker" in shown["arguments"]
    for log in tmp_path.glob("*.log"):
        shown[log.name] = log.read_text()
    leaks = [(place, secret) for place, text in shown.items() for secret in secrets if secret in text]
    assert leaks == []
