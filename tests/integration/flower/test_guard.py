"""What no option of Flower replaces: where it listens, which host names it answers to, what it says of itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from pkgintel.runtime import deployment
from pkgintel.settings import Deployment
from tests.support.checkout import CHECKOUT
from tests.support.flowers import Start, plain_environment

pytestmark = pytest.mark.processes

DATA = ("/", "/workers", "/tasks", "/broker", "/pipeline", "/metrics")


@pytest.fixture
def other_conf(tmp_path: Path) -> str:
    """A configuration file of Flower that is not ours."""
    file = tmp_path / "conf.py"
    file.write_text("max_tasks = 100\n")
    return str(file)


@pytest.mark.parametrize("way", ["option", "variable", "socket", "own conf says so"])
def test_no_option_opens_flower_wide_without_a_password(
    settings: Deployment, tmp_path: Path, other_conf: str, way: str
) -> None:
    options, variables = {
        "option": (["--address=0.0.0.0", f"--conf={other_conf}"], {}),
        "variable": ([], {"FLOWER_CONF": other_conf, "FLOWER_ADDRESS": "0.0.0.0"}),
        "socket": ([f"--unix-socket={tmp_path / 'socket'}"], {}),
        "own conf says so": ([f"--conf={other_conf}"], {}),
    }[way]
    if way == "own conf says so":
        Path(other_conf).write_text("address = '::'\nbasic_auth = ['']\n")
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "pkgintel", "flower", "--port=0", *options],
        cwd=CHECKOUT,
        env={**plain_environment(), **deployment.environment(settings), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Flower would listen on " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "socket").exists()


def test_a_name_of_somebody_else_that_leads_here_is_refused(
    settings: Deployment, flower: Start, other_conf: str
) -> None:
    for served in (flower(settings), flower(settings, f"--conf={other_conf}")):
        for path in (*DATA, "/healthcheck", "/static/css/flower.css", "/api/workers", "/worker/any"):
            for host in ("evil.example", "evil.example:5555", "127.0.0.1.evil.example", "10.0.0.1", "[::2]"):
                assert served.ask(path, host=host)[0] == 403, (path, host)
        for host in ("localhost", "LOCALHOST:5555", "127.0.0.1:1", "[::1]:5555", "a.localhost"):
            assert served.ask("/workers", host=host)[0] == 200, host


def test_behind_a_password_flower_may_have_any_name(settings: Deployment, flower: Start, other_conf: str) -> None:
    served = flower(settings, f"--conf={other_conf}", FLOWER_BASIC_AUTH="ann:secret")
    assert served.ask("/workers", "ann:secret", host="flower.example")[0] == 200
    assert served.ask("/workers", host="flower.example")[0] == 401
    assert served.ask("/metrics")[0] == 401, "also where our own page is not there"
    assert served.ask("/metrics", "ann:secret")[0] == 200


def test_a_login_protects_the_metrics_too(settings: Deployment, flower: Start) -> None:
    served = flower(
        settings,
        "--auth=ann@example.com",
        "--auth-provider=flower.views.auth.GoogleAuth2LoginHandler",
        FLOWER_OAUTH2_KEY="k",
        FLOWER_OAUTH2_SECRET="s",
        FLOWER_OAUTH2_REDIRECT_URI="http://127.0.0.1/login",
    )
    assert served.get("/metrics")[0] == 401
    assert served.get("/healthcheck")[0] == 200


def test_no_other_site_frames_our_pages_and_no_browser_keeps_them(settings: Deployment, flower: Start) -> None:
    served = flower(settings)
    for path in DATA:
        status, headers, _ = served.ask(path)
        assert status == 200, path
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    policy = served.ask("/pipeline")[1]["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
