"""The limit when Redis is flushed, away for a moment or away for long."""

from pathlib import Path

import pytest

from pkgintel.errors import ServiceUnavailable
from pkgintel.local.server import free_port
from pkgintel.upstream.client import Client
from pkgintel.upstream.lease import Pace
from pkgintel.upstream.leaves import fetch_leaves
from pkgintel.upstream.limit import FleetLimit
from tests.support.hostile import HostileServer
from tests.support.leaves import catalog_of, served
from tests.support.limits import Busy, Redis, fleet_of, soon


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
            ended = busy.done
            soon(lambda: busy.done >= ended + 20)
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
        fetch_leaves(client, catalog_of(server), served(server, range(3)), limit)
