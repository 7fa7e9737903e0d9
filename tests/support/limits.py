"""A Redis that may be killed, holders of the fleet's slots, and what Redis keeps of them."""

import threading
from functools import partial
from pathlib import Path
from typing import Any

import redis

from pkgintel.local.valkey import Valkey
from pkgintel.upstream.client import Client
from pkgintel.upstream.lease import Lease, Pace
from pkgintel.upstream.limit import FleetLimit
from tests.support.waiting import until

soon = partial(until, timeout=10, pause=0.01)


class Redis:
    """A server of its own, that can be killed and started again; `client` speaks to it."""

    def __init__(self, home: Path) -> None:
        (home / "logs").mkdir()
        self._server = Valkey(home, None)
        self.start()
        self.url = f"redis://:{self._server.password}@127.0.0.1:{self._server.port}/0"
        self.client: Any = redis.Redis.from_url(self.url)

    def start(self) -> None:
        self._server.start()

    def kill(self) -> None:
        assert self._server.child is not None
        self._server.child.kill()
        self._server.child.wait()


def fleet_of(valkey: Redis, prefix: str, limit: int, **more: Any) -> FleetLimit:
    return FleetLimit(valkey.url, limit, prefix, Pace(**({"beat": 0.1, "lease": 2.0} | more)))


def leases(valkey: Redis, prefix: str) -> dict[str, int]:
    """holder → slots."""
    stored = valkey.client.hgetall(f"{prefix}leases")
    return {name.decode(): int(text.split()[0]) for name, text in stored.items() if name != b"@since"}


def renewed(valkey: Redis, prefix: str, holder: Lease, times: int = 3) -> None:
    """Wait until a holder has renewed its lease so often: it had the chance to be given more, or less."""
    seen = {valkey.client.hget(f"{prefix}leases", holder.name)}

    def again() -> bool:
        seen.add(valkey.client.hget(f"{prefix}leases", holder.name))
        return len(seen) > times

    soon(again)


class Busy:
    """A holder whose requests never end: it takes every slot it is given, until told to let go."""

    def __init__(self, client: Client, limit: Lease, wanted: int) -> None:
        self.client, self.limit, self.held, self.done = client, limit, 0, 0
        self.left = wanted  # Of its requests, those that wait or are under way.
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
                    self.done += 1
                    self.limit.leave(True)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.errors.append(error)
        finally:
            self.left -= 1

    def let_go(self) -> None:
        self._over.set()
