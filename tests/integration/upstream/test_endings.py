"""How requests end: ticks, signals in the middle of them, and nothing left behind after thousands."""

import asyncio
import gc
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest

from pkgintel.errors import UpstreamUnavailable
from pkgintel.settings import Settings
from pkgintel.upstream.answers import Unobtainable
from pkgintel.upstream.client import Client, Request
from pkgintel.upstream.slots import LocalLimit
from tests.support.answers import Answer
from tests.support.fetches import BODY, anywhere, body, tasks
from tests.support.hostile import HostileServer
from tests.support.waiting import until


def test_ticks_come_in_the_calling_thread_and_may_end_it(client: Client, server: HostileServer, path: str) -> None:
    server.put(path, BODY, delay=0.2)
    seen: list[threading.Thread] = []

    def tick() -> None:
        seen.append(threading.current_thread())

    client.run(client.fetch(server.url(path), Request(10_000, anywhere), body), tick, every=0.02)
    assert set(seen) == {threading.current_thread()}

    def fail() -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        client.run(client.fetch(server.url(path), Request(10_000, anywhere), body), fail, every=0.02)
    assert tasks(client) == 0


class Stopped(Exception):
    pass


@pytest.fixture
def stopped_while() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Calls what it is given, and sends a signal at some moment of that call, whose handler raises `Stopped` there.

    Each signal has arrived before the next call and before the handler goes: the usual one would end this process.
    """
    calling, arrived = False, 0

    def stop(*_: object) -> None:
        nonlocal arrived
        arrived += 1
        if calling:
            raise Stopped

    def call(what: Callable[[], object]) -> None:
        nonlocal calling
        expected = arrived + 1
        try:
            calling = True
            threading.Timer(random.uniform(0, 0.05), os.kill, (os.getpid(), signal.SIGUSR1)).start()
            what()
        finally:
            calling = False
            until(lambda: arrived == expected, "the signal arrives")

    usual = signal.signal(signal.SIGUSR1, stop)
    yield call
    signal.signal(signal.SIGUSR1, usual)


def test_a_signal_cancels_what_runs_and_leaves_nothing(
    server: HostileServer, path: str, stopped_while: Callable[[Callable[[], object]], None]
) -> None:
    begun: list[str] = []
    ended: list[str] = []
    patient = Client(Settings(), backoff=0.0)

    async def long() -> None:
        begun.append("cleanly")
        try:
            await patient.fetch(server.url(path), Request(10_000, anywhere), body)
        finally:
            await asyncio.sleep(0.05)
            ended.append("cleanly")

    server.put(path, hang=True)
    try:
        for _ in range(20):
            with pytest.raises(Stopped):
                stopped_while(lambda: patient.run(long()))
        assert tasks(patient) == 0
        until(lambda: server.in_flight == 0, timeout=5)
    finally:
        patient.close()
    assert ended == begun


def test_thousands_of_requests_leave_nothing_behind(path: str) -> None:
    server = HostileServer().start()
    limit = LocalLimit(16)
    made = Client(Settings(max_in_flight=16, request_timeout=2, request_attempts=2), backoff=0.0)
    kinds = [Answer(BODY), Answer(BODY, gzip=True), Answer(BODY, close_after=9), Answer(status=503), Answer(status=404)]
    kinds += [Answer(BODY * 100), Answer(redirect="http://127.0.0.1:1/"), Answer(BODY, until_close=True)]
    for number, kind in enumerate(kinds):
        server.script(f"{path}/{number}", [kind])
    request = Request(10_000, lambda url: None if url.startswith(server.origin) else "no", limit=limit)

    async def one(number: int) -> None:
        with suppress(Unobtainable, UpstreamUnavailable):
            await made.fetch(server.url(f"{path}/{number % len(kinds)}"), request, body)

    async def many(count: int) -> None:
        numbers = iter(range(count))

        async def work() -> None:
            for number in numbers:
                await one(number)

        await asyncio.gather(*(work() for _ in range(32)))

    def objects() -> int:
        gc.collect()
        return len(gc.get_objects())

    try:
        server.forget()
        made.run(many(1000))
        process, count = psutil.Process(), objects()
        memory, files = process.memory_info().rss, process.num_fds()
        for _ in range(3):
            made.run(many(1000))
        assert server.peak_in_flight <= 16
        assert tasks(made) == 0
        assert process.num_fds() <= files + 2 * 16
        server.requests.clear()
        assert objects() - count < 1500
        assert process.memory_info().rss - memory < 8_000_000
    finally:
        made.close()
    until(lambda: server.open_connections == 0, timeout=5)
    server.stop()
