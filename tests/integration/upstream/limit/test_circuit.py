"""The circuit: lasting refusals open it for the whole fleet, a probe closes it, one bad leaf does not open it."""

import time

import pytest

from pkgintel.errors import TryLater
from pkgintel.upstream.client import Client
from pkgintel.upstream.leaves import fetch_leaves
from tests.support.answers import Answer
from tests.support.hostile import HostileServer
from tests.support.leaves import catalog_of, leaf_of, served
from tests.support.limits import Redis, fleet_of, soon


def test_sustained_refusal_opens_the_circuit_and_a_probe_closes_it(
    valkey: Redis, client: Client, server: HostileServer, prefix: str
) -> None:
    more = {"failures": 5, "quiet": 0.1, "open": 0.5, "patience": 10.0}
    fleet = fleet_of(valkey, prefix, 8, **more)
    wanted = served(server, range(20))
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
        first, times = (int(number) for number in valkey.client.hmget(key, "till", "times"))
        assert times >= 1  # More where the failure that opened it was told by a request that then waited and probed.
        client.run(fail())
        soon(lambda: int(valkey.client.hget(key, "till")) > first)
        assert int(valkey.client.hget(key, "times")) == times + 1
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
    wanted = served(server, range(2))
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
    wanted = served(server, range(100))
    server.script("/50", [Answer(status=503), Answer(status=503), leaf_of(50)])
    with fleet.lease(client, server.origin) as limit:
        assert len(fetch_leaves(client, catalog_of(server), wanted, limit).events) == 100
    assert valkey.client.hget(fleet.circuit("127.0.0.1"), "till") in (None, b"0")
