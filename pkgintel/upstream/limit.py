"""The fleet's limit of requests in flight, and its circuit breakers, kept in Redis.

Every page task holds a lease on a share of the limit, so that a request costs no round trip. A lease is renewed twice
a second, and ten times while slots are lacking, by one script that is atomic in Redis: it says how many slots the
holder uses and wants, and gets its share of what is free: the longer it has been at work, the more. A share shrinks
only after the holder has said that it let go, so the sum never passes the limit; the lease of a killed worker ends by
itself. The same script carries what the servers answered: a streak of failures in the whole fleet, or a Retry-After,
opens the host's circuit, and nobody sends but one probe at a time.
"""

import asyncio
import json
import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from weakref import WeakKeyDictionary

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from pkgintel.errors import ServiceUnavailable, TryLater
from pkgintel.upstream import origins
from pkgintel.upstream.client import Client
from pkgintel.upstream.slots import LocalLimit

# Seconds between renewals while somebody waits: how long a slot that another left lies idle at most.
SOON = 0.05
LINGER = 0.3  # Seconds that requests which a page left unfinished, as it broke off, count on.
LONGEST_OPEN = 300.0  # Seconds that a circuit stays open at most, however often its probes failed.
PROBE = 45.0  # Seconds after which a probe that was never heard of again is given to another.

RENEW = Path(__file__).with_name("limit.lua").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of a fleet's limit, in seconds; all who share the limit have the same."""

    lease: float = 10.0  # Without renewal for so long, a holder counts as dead.
    beat: float = 0.5  # Between renewals of a holder that has all it wants.
    patience: float = 60.0  # A task waits so long for a closed circuit or for Redis before it ends, to be tried again.
    failures: int = 10  # So many failures in a row, in the whole fleet, ...
    quiet: float = 3.0  # ... and no success for so long: the circuit opens.
    open: float = 5.0  # It stays open so long the first time; doubled each time the probe fails.


@dataclass(slots=True)
class Tally:
    """What the servers answered since Redis last heard of it; `retry_after` in seconds."""

    ok: int = 0
    failed: int = 0
    retry_after: float = 0.0

    def take(self) -> "Tally":
        """All of it, which leaves nothing."""
        taken = Tally(self.ok, self.failed, self.retry_after)
        self.ok, self.failed, self.retry_after = 0, 0, 0.0
        return taken

    def give_back(self, taken: "Tally") -> None:
        """What was taken did not arrive."""
        self.ok += taken.ok
        self.failed += taken.failed
        self.retry_after = max(self.retry_after, taken.retry_after)


@dataclass(frozen=True, slots=True)
class Standing:
    """What Redis answered last: the slots this holder may use, the share due to it, and how many holders there are.

    The circuit stays open for `wait` ms (0: it is closed), unless this holder is its probe.
    """

    share: int = 0
    due: int = 0
    holders: int = 1
    wait: int = 0
    probing: bool = False


class Lease(LocalLimit):
    """A share of the fleet's limit, for requests to one host. `FleetLimit.lease` makes it; it lives in the loop."""

    def __init__(self, fleet: "FleetLimit", host: str, name: str, redis_client: redis.asyncio.Redis) -> None:
        super().__init__(fleet.limit)
        self.name = name
        self.standing = Standing()
        self._share = 0
        self._fleet = fleet
        self._host = host
        self._script = redis_client.register_script(RENEW)
        self._tally = Tally()
        self._asked_for = 0  # The slots last asked for.
        self._known = False  # Heard of in Redis.
        self._owing = False  # Slots were taken away that are still in use: Redis hears of them when they are free.
        self._valid = 0.0  # Until when the share may be used without renewal.
        self._waits_since: float | None = None  # When the present waiting for the circuit or for Redis began.
        self._nudge = asyncio.Event()
        self._renewing = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None

    def leave(self, answered: bool | None, retry_after: float | None = None) -> None:
        """Give the slot back and note for the fleet how the server did; a Retry-After is passed on at once."""
        if answered is not None:
            self._tally.ok += answered
            self._tally.failed += not answered
        if retry_after:
            self._tally.retry_after = max(self._tally.retry_after, retry_after)
        if retry_after or self.standing.probing:
            self._share = 0
            self._nudge.set()
        super().leave(answered)
        # Slots that were taken away are free now, or a page's last request has ended: others may have them at once.
        if (self._owing and self._busy <= self._share) or (self._share > 1 and not self._busy and not self._waiting):
            self._nudge.set()

    def _lacking(self) -> None:
        if self._share < self.standing.due or self._busy + len(self._waiting) > self._asked_for:
            self._nudge.set()

    async def join(self) -> None:
        """Take the first share, if Redis can be asked, and keep the lease from now on."""
        await self._try_to_renew()
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def quit(self) -> None:
        """Give the share back; if that fails, the lease ends by itself."""
        if self._keeper is not None:
            async with self._renewing:  # A renewal that is on its way would bring the lease back.
                self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        with suppress(RedisError, OSError, TimeoutError):
            await self._renew(leaving=True)

    async def _keep(self) -> None:
        beat = self._fleet.pace.beat
        while True:
            with suppress(TimeoutError):
                soon = max(SOON, 0.02 * self.standing.holders)
                async with asyncio.timeout(min(beat, soon) if self._waiting else beat):
                    await self._nudge.wait()
            self._nudge.clear()
            await self._try_to_renew()
            # Whoever lacks slots asks again soon, but a big fleet must not keep Redis busy with asking.
            await asyncio.sleep(min(beat, 0.01 + 0.005 * self.standing.holders))
            if self._share < self.standing.due and self._waiting:
                self._nudge.set()

    async def _try_to_renew(self) -> None:
        try:
            async with self._renewing:
                await self._renew()
        except (RedisError, OSError, TimeoutError) as error:
            now = asyncio.get_running_loop().time()
            self._waits_since = self._waits_since or now
            if now > self._valid:
                self._share = 0
            if now - self._waits_since > self._fleet.pace.patience:
                self._refuse(ServiceUnavailable(f"Redis, which keeps the limit of requests, cannot be used: {error}"))

    async def _renew(self, *, leaving: bool = False) -> None:
        """Say what is used and wanted and how the servers did, and take the share that is answered."""
        now = asyncio.get_running_loop().time()
        if not self._waiting:
            self._share = min(self._share, self._busy)  # Whoever comes next asks again.
        held = self._busy if leaving or now > self._valid else max(self._share, self._busy)
        if not leaving:
            self._asked_for = min(self._busy + len(self._waiting), self._fleet.limit)
        tally = self._tally.take()
        said: dict[str, str | float] = {
            **self._fleet.terms,
            "holder": self.name,
            "held": held,
            "wanted": self._asked_for,
            "new": not self._known,
            "ok": tally.ok,
            "failed": tally.failed,
            "retry_after": _ms(tally.retry_after),
            "chance": random.random(),  # noqa: S311 - no secret
            "leaving": leaving,
        }
        if leaving:
            said["lease"] = _ms(LINGER)
        keys = [self._fleet.leases, self._fleet.circuit(self._host)]
        try:
            answer = await self._script(keys=keys, args=[json.dumps(said)])
        except BaseException:
            self._tally.give_back(tally)
            raise
        share, due, holders, wait, probe = (int(number) for number in answer)
        self._take(Standing(share, due, holders, wait, bool(probe)), held, now)

    def _take(self, standing: Standing, held: int, now: float) -> None:
        """Use what Redis answered at `now` (the loop's time) to a renewal that said that `held` slots were held."""
        pace = self._fleet.pace
        self.standing = standing
        self._known = True
        self._owing = held > standing.share
        # Not to the lease's very end: a request may leave just before this holder notices.
        self._valid = now + pace.lease * 0.7
        if not standing.wait or standing.probing:
            self._waits_since = None
            self._share = min(1, standing.share) if standing.probing else standing.share
        else:
            self._share = 0
            self._waits_since = self._waits_since or now
            if standing.wait / 1000 > pace.patience or now - self._waits_since > pace.patience:
                until = datetime.now(UTC) + timedelta(milliseconds=standing.wait)
                message = f"{self._host} keeps refusing: the fleet sends it nothing until {until:%H:%M:%S} UTC"
                self._refuse(TryLater(message, self._host, standing.wait / 1000))
        self._admit()


class FleetLimit:
    """The limit of requests in flight that all workers with this Redis and prefix keep together."""

    def __init__(self, url: str, limit: int, prefix: str = "pkgintel:fleet:", pace: Pace | None = None) -> None:
        self.url = url
        self.limit = limit
        self.pace = pace or Pace()
        self.leases = f"{prefix}leases"
        self._prefix = prefix
        # A client's connections to Redis and its names among the leases outlive the page tasks, as the client does.
        self._connections: WeakKeyDictionary[Client, redis.asyncio.Redis] = WeakKeyDictionary()
        self._names: WeakKeyDictionary[Client, list[str]] = WeakKeyDictionary()

    @property
    def terms(self) -> dict[str, int]:
        """What every renewal says alike, in the words of the script; times in ms."""
        pace = self.pace
        return {
            "limit": self.limit,
            "lease": _ms(pace.lease),
            "grace": _ms(2 * pace.beat),
            "failures": pace.failures,
            "quiet": _ms(pace.quiet),
            "open": _ms(pace.open),
            "longest_open": _ms(LONGEST_OPEN),
            "probe": _ms(PROBE),
        }

    def circuit(self, host: str) -> str:
        """The key of a host's circuit."""
        return f"{self._prefix}circuit:{host}"

    @contextmanager
    def lease(self, client: Client, url: str) -> Iterator[Lease]:
        """A share of the limit for requests to the host of `url`, leased until the block ends.

        Raises: nothing of its own; who waits for a slot gets `TryLater` when the circuit stays open for longer than a
        minute, and `ServiceUnavailable` when Redis does.
        """
        names = self._names.setdefault(client, [])
        name = names.pop() if names else secrets.token_hex(8)
        lease = Lease(self, origins.host(url), name, self._redis(client))
        try:
            client.run(lease.join())
            yield lease
        finally:
            client.run(lease.quit())
            names.append(name)

    def _redis(self, client: Client) -> redis.asyncio.Redis:
        """The connections to Redis that live in the loop of `client`."""
        found = self._connections.get(client)
        if found is None:
            never = Retry(NoBackoff(), 0)  # The next renewal is the retry.
            found = redis.asyncio.from_url(self.url, socket_timeout=2, socket_connect_timeout=2, retry=never)
            self._connections[client] = found
            client.loop.at_close.append(found.aclose)
        return found


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
