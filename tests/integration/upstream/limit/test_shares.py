"""The fleet's limit on a real server: the shares of its holders, the oldest first, and the death of one."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack

from pkgintel.settings import Settings
from pkgintel.upstream.client import Client
from pkgintel.upstream.leaves import fetch_leaves
from tests.support.checkout import CHECKOUT
from tests.support.hostile import HostileServer
from tests.support.leaves import catalog_of, served
from tests.support.limits import Busy, Redis, fleet_of, leases, renewed, soon
from tests.support.waiting import until


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
        soon(lambda: all(holder.left == 0 for holder in holders))  # One that waited may be admitted yet.
    assert sum(leases(valkey, prefix).values()) == 0


def test_of_more_holders_than_slots_the_oldest_come_first_and_all_are_served(
    valkey: Redis, client: Client, prefix: str
) -> None:
    fleet = fleet_of(valkey, prefix, 2)
    with ExitStack() as stack:
        holders = []
        for number in range(1, 6):
            holders.append(Busy(client, stack.enter_context(fleet.lease(client, "https://a.example/x")), 3))
            soon(lambda number=number: len(leases(valkey, prefix)) == number)  # type: ignore[misc]
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
from pkgintel.upstream.lease import Pace
from pkgintel.upstream.limit import FleetLimit
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
            renewed(valkey, prefix, limit)
            assert limit.share == 0  # All is in use, and none may be taken away.
            os.kill(holder.pid, signal.SIGKILL)
            until(lambda: limit.share == 10, "all ten are free", 4)
            busy.let_go()


def test_the_limit_holds_for_real_requests_of_several_processes_worth(
    valkey: Redis, server: HostileServer, prefix: str
) -> None:
    server.latency = 0.005
    fleet = fleet_of(valkey, prefix, 10)
    wanted = [served(server, range(part * 200, part * 200 + 200)) for part in range(4)]
    done: list[int] = []

    def page(part: int) -> None:
        client = Client(Settings(max_in_flight=10))
        try:
            soon(lambda: len(server.requests) >= 50 * part)  # One comes after the other, while the first is at work.
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
