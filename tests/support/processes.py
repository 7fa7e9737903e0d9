"""A deployment that this pytest process works for, as a worker works for its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from pkgintel.runtime import process
from pkgintel.runtime.process import Process
from pkgintel.settings import Deployment
from pkgintel.upstream.client import Client


@contextmanager
def working_for(deployment: Deployment, client: Client | None = None) -> Iterator[Process]:
    """While this lasts, this process works for `deployment`; then for none."""
    try:
        yield process.start(deployment, client)
    finally:
        process.end()
