"""`pkgintel sample`: the sample catalog over HTTP, alone."""

import signal
import threading

import click

from pkgintel.cli.screen import say
from pkgintel.sample.history import Stage
from pkgintel.sample.server import serve
from pkgintel.sample.source import Sample


@click.command("sample")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free port.")
@click.option(
    "--stage", default=1, show_default=True, type=click.IntRange(1, 2), help="1: the catalog as it begins; 2: grown."
)
@click.option("--base-url", help="How clients reach the server, if not by http://HOST:PORT (http://sample:8080).")
def command(host: str, port: int, stage: Stage, base_url: str | None) -> None:
    """Serves until Ctrl-C: a small NuGet V3 source with the SPDX lists beside it, for trying pkgintel offline."""
    ended = threading.Event()
    with serve(Sample(stage), host, port, base_url) as server:
        # As the first process of a container it would not be ended by a SIGTERM it has no handler for.
        before = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            say(f"Serving the sample catalog (stage {stage}) at {server.url}; Ctrl-C ends it.")
            ended.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
