"""The fleet's limit and circuit on a real server: shares, fairness, death of a holder, loss of Redis, refusals."""

import gc
import os
import signal
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

from pkgintel.errors import ServiceUnavailable, TryLater
from pkgintel.local.server import free_port
from pkgintel.local.valkey import Valkey
from pkgintel.nuget.documents import Item
from pkgintel.settings import Settings
from pkgintel.upstream.client import Client, Request
from pkgintel.upstream.leaves import fetch_leaves
from pkgintel.upstream.limit import FleetLimit, Lease, Pace
from pkgintel.upstream.origins import CatalogAddress
from pkgintel.upstream.slots import LocalLimit
from tests.support.checkout import CHECKOUT
from tests.support.hostile import Answer, HostileServer
from tests.support.waiting import until

soon = partial(until, timeout=10, pause=0.01)


class Redis:
    """A server of its own, that can be killed and started again; `client` speaks to it."""

    def __init__(self, home: Path) -> None:
        (home / "logs").mkdir()
        self._server = Valkey(home, None)
        self.start()
        self.url = f"redis://:{self._server.password}@127.0.0.1:{self._server.port}/0"
        self.client = redis.Redis.from_url(self.url)

    def start(self) -> None:
        self._server.start()

    def kill(self) -> None:
        assert self._server.child is not None
        self._server.child.kill()
        self._server.child.wait()


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    running = Redis(tmp_path_factory.mktemp("valkey"))
    yield running
    running.kill()


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client(Settings(request_timeout=2, request_attempts=3), backoff=0.01)
    yield made
    made.close()


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        yield running


@pytest.fixture
def prefix(request: pytest.FixtureRequest, valkey: Redis) -> str:
    name = f"{request.node.name}:"
    valkey.client.hset(f"{name}leases", "@since", 1)  # As in a fleet that has been at work for long.
    return name


def fleet_of(valkey: Redis, prefix: str, limit: int, **more: Any) -> FleetLimit:
    return FleetLimit(valkey.url, limit, prefix, Pace(**({"beat": 0.1, "lease": 2.0} | more)))


def leaf_of(number: int) -> dict[str, Any]:
    return {"@type": ["PackageDetails"], "id": f"P{number}", "version": "1.0.0", "listed": True}


def items(server: HostileServer, numbers: range) -> list[Item]:
    for number in numbers:
        server.put(f"/{number}", leaf_of(number))
    line = {"@type": "nuget:PackageDetails", "commitTimeStamp": "2026-10-01T12:28:29.94Z", "nuget:version": "1.0.0"}
    return [
        Item.model_validate(line | {"@id": server.url(f"/{number}"), "nuget:id": f"P{number}"}) for number in numbers
    ]


def catalog_of(server: HostileServer) -> CatalogAddress:
    return CatalogAddress(server.url("/index.json"), frozenset({server.origin}), public=False)


def leases(valkey: Redis, prefix: str) -> dict[str, int]:
    """holder → slots."""
    stored = valkey.client.hgetall(f"{prefix}leases")
    return {name.decode(): int(text.split()[0]) for name, text in stored.items() if name != b"@since"}


class Busy:
    """A holder whose requests never end: it takes every slot it is given, until told to let go."""

    def __init__(self, client: Client, limit: Lease, wanted: int) -> None:
        self.client, self.limit, self.held = client, limit, 0
        self.errors: list[Exception] = []
        self._over = threading.Event()
        for _ in range(wanted):
            client.loop.events.call_soon_threadsafe(lambda: client.loop.events.create_task(self._one()))

    async def _one(self) -> None:
        import asyncio

        try:
            while not self._over.is_set():
                await self.limit.enter()
                self.held += 1
                try:
                    await asyncio.sleep(0.02)
                finally:
                    self.held -= 1
                    self.limit.leave(True)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.errors.append(error)

    def let_go(self) -> None:
        self._over.set()


def test_one_holder_gets_it_all_and_of_several_the_oldest_most(valkey: Redis, client: Client, prefix: str) -> None:
    fleet = fleet_of(valkey, prefix, 12)
    with ExitStack() as stack:
        holders = []
        peak = 0

        def shares(*wanted: int) -> bool:
            nonlocal peak
            peak = max(peak, sum(leases(valkey, prefix).values()))
            return tuple(holder.limit.share for holder in holders) == wanted

        for expected in ((12,), (8, 4), (6, 4, 2)):
            holders.append(Busy(client, stack.enter_context(fleet.lease(client, "https://a.example/x")), 20))
            soon(lambda expected=expected: shares(*expected))  # type: ignore[misc]
        # Who wants little gets it, and the rest goes to the others.
        holders.append(Busy(client, stack.enter_context(fleet.lease(client, "https://a.example/x")), 1))
        soon(lambda: holders[-1].limit.share == 1)
        soon(lambda: sum(holder.limit.share for holder in holders) == 12)
        holders[0].let_go()
        holders[1].let_go()
        soon(lambda: holders[2].limit.share == 11)
        for holder in holders:
            holder.let_go()
            assert not holder.errors
        assert peak <= 12
        soon(lambda: all(holder.held == 0 for holder in holders))
    assert sum(leases(valkey, prefix).values()) == 0


def test_of_more_holders_than_slots_the_oldest_come_first_and_all_are_served(
    valkey: Redis, client: Client, prefix: str
) -> None:
    fleet = fleet_of(valkey, prefix, 2)
    with ExitStack() as stack:
        holders = [Busy(client, stack.enter_context(fleet.lease(client, "https://a.example/x")), 3) for _ in range(5)]
        for first in range(4):

            def shared(first: int = first) -> bool:
                assert sum(holder.held for holder in holders) <= 2
                return [holder.limit.share for holder in holders[first:]][:3] == [1, 1, 0][: 5 - first]

            soon(shared, "the slots are shared out")
            holders[first].let_go()
        soon(lambda: holders[4].limit.share == 2)
        holders[4].let_go()


def test_a_worker_of_an_older_version_shares_the_limit(valkey: Redis, client: Client, prefix: str) -> None:
    ends = int(valkey.client.time()[0]) * 1000 + 2000
    valkey.client.hset(f"{prefix}leases", "older", f"6 20 {ends}")
    with fleet_of(valkey, prefix, 12).lease(client, "https://a.example/x") as limit:
        busy = Busy(client, limit, 20)
        soon(lambda: limit.share == 4)
        soon(lambda: limit.share == 12)  # Its lease has ended.
        busy.let_go()


HOLDER = """
import signal, sys
from pkgintel.upstream.limit import FleetLimit, Pace
from pkgintel.settings import Settings
from pkgintel.upstream.client import Client
client = Client(Settings())
fleet = FleetLimit(sys.argv[1], 10, sys.argv[2], Pace(beat=0.1, lease=1.5))
with fleet.lease(client, "https://a.example/x") as limit:
    async def hold():
        for _ in range(10):
            await limit.enter()
        print("held", flush=True)
    client.run(hold())
    signal.pause()
"""


def test_the_share_of_a_killed_holder_is_free_soon(valkey: Redis, client: Client, prefix: str) -> None:
    command = [sys.executable, "-c", HOLDER, valkey.url, prefix]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=CHECKOUT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with fleet_of(valkey, prefix, 10).lease(client, "https://a.example/x") as limit:
            busy = Busy(client, limit, 10)
            soon(lambda: limit.standing.holders == 2)
            time.sleep(0.3)
            assert limit.share == 0  # All is in use, and none may be taken away.
            os.kill(holder.pid, signal.SIGKILL)
            until(lambda: limit.share == 10, "all ten are free", 4)
            busy.let_go()


def test_the_limit_holds_for_real_requests_of_several_processes_worth(
    valkey: Redis, server: HostileServer, prefix: str
) -> None:
    server.latency = 0.005
    fleet = fleet_of(valkey, prefix, 10)
    wanted = [items(server, range(part * 200, part * 200 + 200)) for part in range(4)]
    done: list[int] = []

    def page(part: int) -> None:
        client = Client(Settings(max_in_flight=10))
        try:
            time.sleep(0.1 * part)
            with fleet.lease(client, server.origin) as limit:
                done.append(len(fetch_leaves(client, catalog_of(server), wanted[part], limit).events))
        finally:
            client.close()

    threads = [threading.Thread(target=page, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert done == [200] * 4
    assert 8 <= server.peak_in_flight <= 10
    assert sum(leases(valkey, prefix).values()) == 0


def test_a_flushed_redis_learns_the_shares_again(valkey: Redis, client: Client, prefix: str) -> None:
    fleet = fleet_of(valkey, prefix, 8)
    with fleet.lease(client, "https://a.example/x") as first:
        busy = Busy(client, first, 8)
        soon(lambda: busy.held == 8)
        valkey.client.delete(f"{prefix}leases")
        # A newcomer right after the flush must not be given what the first still holds.
        with fleet.lease(client, "https://a.example/x") as second:
            other = Busy(client, second, 8)
            peak = 0

            def shared() -> bool:
                nonlocal peak
                peak = max(peak, busy.held + other.held)
                return sorted((first.share, second.share)) == [3, 5]

            soon(shared)
            assert peak <= 8
            assert not busy.errors + other.errors
            busy.let_go()
            other.let_go()


def test_a_short_absence_of_redis_is_not_noticed_and_a_longer_one_is_a_pause(
    tmp_path: Path, client: Client, server: HostileServer
) -> None:
    own = Redis(tmp_path)
    try:
        fleet = fleet_of(own, "p:", 4, lease=1.0, patience=30)
        with fleet.lease(client, server.origin) as limit:
            busy = Busy(client, limit, 4)
            soon(lambda: busy.held == 4)
            own.kill()
            time.sleep(0.2)
            assert limit.share == 4  # Within its lease it goes on.
            soon(lambda: limit.share == 0 and busy.held == 0)
            own.start()
            soon(lambda: busy.held == 4)
            assert not busy.errors
            busy.let_go()
    finally:
        own.kill()


def test_a_lasting_absence_of_redis_is_told(client: Client, server: HostileServer) -> None:
    fleet = FleetLimit(f"redis://127.0.0.1:{free_port()}/0", 4, pace=Pace(beat=0.05, patience=0.3))
    with fleet.lease(client, server.origin) as limit, pytest.raises(ServiceUnavailable, match="Redis"):
        fetch_leaves(client, catalog_of(server), items(server, range(3)), limit)


def test_sustained_refusal_opens_the_circuit_and_a_probe_closes_it(
    valkey: Redis, client: Client, server: HostileServer, prefix: str
) -> None:
    more = {"failures": 5, "quiet": 0.1, "open": 0.5, "patience": 10.0}
    fleet = fleet_of(valkey, prefix, 8, **more)
    wanted = items(server, range(20))
    key = fleet.circuit("127.0.0.1")
    with fleet.lease(client, server.origin) as limit:

        async def fail() -> None:
            await limit.enter()
            limit.leave(False)

        def is_open() -> bool:
            return valkey.client.hget(key, "till") not in (None, b"0")

        while not is_open():
            client.run(fail())
        assert valkey.client.pttl(key) > 0
        # A failing probe opens it for longer.
        soon(lambda: limit.share == 0)
        first = int(valkey.client.hget(key, "till"))
        client.run(fail())
        soon(lambda: int(valkey.client.hget(key, "till")) > first)
        assert int(valkey.client.hget(key, "times")) == 2
    server.latency = 0.05
    with fleet.lease(client, server.origin) as limit:
        begun = time.monotonic()
        assert len(fetch_leaves(client, catalog_of(server), wanted, limit).events) == 20
        times = sorted(request.at for request in server.requests)
        assert times[1] - times[0] >= 0.05  # The first was alone.
        assert time.monotonic() - begun < 8
    assert not valkey.client.exists(key)


def test_a_circuit_that_stays_open_sends_the_task_away(
    valkey: Redis, client: Client, server: HostileServer, prefix: str
) -> None:
    fleet = fleet_of(valkey, prefix, 8, patience=1.0)
    wanted = items(server, range(2))
    server.script("/0", [Answer(status=429, retry_after=500)])
    with fleet.lease(client, server.origin) as limit, pytest.raises(TryLater) as caught:
        fetch_leaves(client, catalog_of(server), wanted, limit)
    assert caught.value.retry_after == 500
    soon(lambda: valkey.client.exists(fleet.circuit("127.0.0.1")))
    server.forget()
    # Another worker's task, for another leaf, is told at once and sends nothing.
    with fleet.lease(client, server.origin) as limit, pytest.raises(TryLater, match=r"keeps refusing.*until") as caught:
        fetch_leaves(client, catalog_of(server), wanted[1:], limit)
    assert 400 < caught.value.retry_after <= 500
    assert server.requests == []
    # Another host is not concerned.
    with fleet.lease(client, "https://other.example/") as limit:
        assert len(fetch_leaves(client, catalog_of(server), wanted[1:], limit).events) == 1


def test_one_bad_leaf_among_good_ones_opens_nothing(
    valkey: Redis, client: Client, server: HostileServer, prefix: str
) -> None:
    fleet = fleet_of(valkey, prefix, 4, failures=2, quiet=0.0)
    server.latency = 0.01
    wanted = items(server, range(100))
    server.script("/50", [Answer(status=503), Answer(status=503), leaf_of(50)])
    with fleet.lease(client, server.origin) as limit:
        assert len(fetch_leaves(client, catalog_of(server), wanted, limit).events) == 100
    assert valkey.client.hget(fleet.circuit("127.0.0.1"), "till") in (None, b"0")


def test_who_leaves_gives_its_share_back_and_comes_again_as_the_youngest(
    valkey: Redis, client: Client, prefix: str
) -> None:
    fleet = fleet_of(valkey, prefix, 8, beat=0.05)
    with fleet.lease(client, "https://a.example/x") as first:
        stays = Busy(client, first, 8)
        for _ in range(2):
            with fleet.lease(client, "https://a.example/x") as second:
                comes = Busy(client, second, 8)
                soon(lambda second=second: (first.share, second.share) == (5, 3))  # type: ignore[misc]
                comes.let_go()
                soon(lambda comes=comes: comes.held == 0)  # type: ignore[misc]
            assert len(leases(valkey, prefix)) == 1
            soon(lambda: first.share == 8)
        stays.let_go()


def test_a_page_that_breaks_off_leaves_no_claim(valkey: Redis, client: Client, prefix: str) -> None:
    fleet = fleet_of(valkey, prefix, 8)
    with fleet.lease(client, "https://a.example/x") as stays, ExitStack() as stack:
        breaks = stack.enter_context(fleet.lease(client, "https://a.example/x"))
        busy, other = Busy(client, stays, 8), Busy(client, breaks, 8)
        soon(lambda: (stays.share, breaks.share) == (5, 3))
        stack.close()  # With its requests still in flight, which count on for a moment.
        assert leases(valkey, prefix)[breaks.name] == 3
        soon(lambda: stays.share == 8)
        busy.let_go()
        other.let_go()


def test_thousands_of_pages_leave_nothing_behind(
    valkey: Redis, client: Client, server: HostileServer, prefix: str
) -> None:
    wanted = items(server, range(3))
    before = len(valkey.client.client_list())
    process = psutil.Process()

    fleet = fleet_of(valkey, prefix, 8)  # As a process has one for all its pages.

    def pages(count: int) -> tuple[int, int, int]:
        for _ in range(count):
            with fleet.lease(client, server.origin) as limit:
                assert len(fetch_leaves(client, catalog_of(server), wanted, limit).events) == 3
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
    client.close()
    soon(lambda: len(valkey.client.client_list()) == before)


def test_leaving_while_waiting_gives_the_slot_to_the_next(client: Client) -> None:
    import asyncio

    async def play() -> int:
        limit = LocalLimit(1)
        await limit.enter()
        waiting = [asyncio.create_task(limit.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        limit.leave(True)
        waiting[1].cancel()  # It was given the slot but never ran again.
        await asyncio.sleep(0)
        await asyncio.wait_for(waiting[2], 1)
        limit.leave(True)
        return limit.busy

    assert client.run(play()) == 0


def test_the_rate_of_renewals_does_not_depend_on_the_requests(
    valkey: Redis, client: Client, server: HostileServer, prefix: str
) -> None:
    fleet = fleet_of(valkey, prefix, 16, beat=0.5)
    wanted = items(server, range(600))
    with fleet.lease(client, server.origin) as limit:
        before = valkey.client.info("stats")["total_commands_processed"]
        begun = time.monotonic()
        for item in wanted:
            client.run(client.fetch(item.url, Request(1000, lambda _: None, limit=limit), lambda body, _: body))
        # The script itself runs a few commands, which are counted too.
        renewals = (valkey.client.info("stats")["total_commands_processed"] - before) / 8
    assert renewals < 10 + 20 * (time.monotonic() - begun)
