"""Flowers, started as an operator starts them, and what they answer."""

import base64
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import Message

from pkgintel.runtime import deployment
from pkgintel.settings import Deployment
from tests.support.checkout import CHECKOUT
from tests.support.waiting import until
from tests.support.workers import PATIENCE


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """None: the answer itself is what was asked for."""


_opener = urllib.request.build_opener(_NoRedirects)


class Served:
    """A Flower that runs."""

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"

    def get(self, path: str, password: str = "") -> tuple[int, str]:
        """Status and body."""
        status, _, body = self.ask(path, password)
        return status, body

    def ask(
        self, path: str, password: str = "", host: str = "", form: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, Message, str]:
        """Status, headers and body; `host` is what the Host header says, `form` is posted. No redirect is followed."""
        body = None if form is None else urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(self.root + path, body)  # noqa: S310 (our own)
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        if password:
            request.add_header("Authorization", "Basic " + base64.b64encode(password.encode()).decode())
        if host:
            request.add_header("Host", host)
        try:
            with _opener.open(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()


Start = Callable[..., Served]


@contextmanager
def flowers() -> Iterator[Start]:
    """Starts Flowers as an operator does: `celery -A pkgintel flower`, from the checkout."""
    started: list[subprocess.Popen[bytes]] = []

    def start(settings: Deployment, *options: str, **variables: str) -> Served:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "pkgintel", "flower", f"--port={port}", *options],
            cwd=CHECKOUT,
            env={**plain_environment(), **deployment.environment(settings), **variables},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        started.append(process)
        served = Served(port)

        def up() -> bool:
            with suppress(urllib.error.URLError):
                prefix = variables.get("FLOWER_URL_PREFIX", "")
                return served.get(f"{prefix and '/'}{prefix}/healthcheck")[0] == 200
            assert process.poll() is None, "Flower ended"
            return False

        until(up, "Flower answers", PATIENCE)
        return served

    try:
        yield start
    finally:
        for process in started:  # At once: one that cannot reach its Redis takes seconds to end in order.
            process.kill()
        for process in started:
            process.wait(20)


def plain_environment() -> dict[str, str]:
    """The variables of this process without Flower's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FLOWER_")}
