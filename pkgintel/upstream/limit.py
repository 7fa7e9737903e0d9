"""The fleet's limit of requests in flight, and its circuit breakers, kept in Redis.

Every page task holds a lease on a share of the limit, so that a request costs no round trip. A lease is renewed twice
a second, and ten times while slots are lacking, by one script that is atomic in Redis: it says how many slots the
holder uses and wants, and gets its share of what is free: the longer it has been at work, the more. A share shrinks
only after the holder has said that it let go, so the sum never passes the limit; the lease of a killed worker ends by
itself. The same script carries what the servers answered: a streak of failures in the whole fleet, or a Retry-After,
opens the host's circuit, and nobody sends but one probe at a time.
"""

import asyncio
import random
import secrets
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from weakref import WeakKeyDictionary

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from pkgintel.errors import PkgintelError, ServiceUnavailable
from pkgintel.upstream import origins
from pkgintel.upstream.answers import TryLater
from pkgintel.upstream.client import Wire

LEASE = 10.0  # Seconds without renewal after which a holder counts as dead.
BEAT = 0.5  # Seconds between renewals of a holder that has all it wants.
# Seconds between renewals while somebody waits: how long a slot that another left lies idle at most.
SOON = 0.05
LINGER = 0.3  # Seconds that requests which a page left unfinished, as it broke off, count on.
PATIENCE = 60.0  # Seconds that a task waits for a closed circuit or for Redis before it gives up for now.
FAILURES = 10  # So many failures in a row, in the whole fleet, ...
QUIET = 3.0  # ... and no success for so long: the circuit opens.
OPEN = 5.0  # Seconds it stays open the first time; doubled each time the probe fails ...
LONGEST_OPEN = 300.0  # ... up to this.
PROBE = 45.0  # Seconds after which a probe that was never heard of again is given to another.

RENEW = Path(__file__).with_name("limit.lua").read_text(encoding="utf-8")


class LocalGauge:
    """A limit on requests in flight in this process alone, without Redis."""

    def __init__(self, limit: int) -> None:
        self.width = limit
        self._open = limit  # How many may be in flight now.
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Wait for a free slot, first come, first served."""
        if self._busy < self._open and not self._waiting:
            self._busy += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._lacking()
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._busy -= 1
                self._admit()
            else:
                with suppress(ValueError):
                    self._waiting.remove(turn)
            raise

    def leave(self, answered: bool | None, retry_after: float | None = None) -> None:  # noqa: ARG002 - FleetGauge's
        """Give the slot back."""
        self._busy -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._busy < self._open:
            turn = self._waiting.popleft()
            if not turn.done():
                self._busy += 1
                turn.set_result(None)

    def _lacking(self) -> None:
        """Called when somebody begins to wait."""


class FleetGauge(LocalGauge):
    """This holder's share of the fleet's limit, for requests to one host. Made by `Fleet.gauge`; lives in the loop."""

    def __init__(self, fleet: "Fleet", host: str, client: redis.asyncio.Redis, name: str) -> None:
        super().__init__(fleet.limit)
        self._open = 0
        self._fleet = fleet
        self._host = host
        self._name = name
        self._due = self._told = 0  # The share due to it as last heard, and the slots last asked for.
        self._ok = self._failed = 0
        self._asked = 0.0
        self._probing = False
        self._nudge = asyncio.Event()
        self._renewing = asyncio.Lock()
        self._since: float | None = None  # When the present waiting for the circuit or for Redis began.
        self._valid = 0.0  # Until when the share may be used without renewal.
        self._holders = 1
        self._keeper: asyncio.Task[None] | None = None
        self._client = client
        self._script = client.register_script(RENEW)
        self._new = True  # Not heard of in Redis yet.
        self._owing = False  # Slots were taken away that are still in use: Redis hears of them when they are free.

    def leave(self, answered: bool | None, retry_after: float | None = None) -> None:
        """Give the slot back and note for the fleet how the server did; a Retry-After is passed on at once."""
        if answered is not None:
            self._ok += answered
            self._failed += not answered
        if retry_after:
            self._asked = max(self._asked, retry_after)
        if retry_after or self._probing:
            self._open = 0
            self._nudge.set()
        super().leave(answered)
        # Slots that were taken away are free now, or a page's last request has ended: others may have them at once.
        if (self._owing and self._busy <= self._open) or (self._open > 1 and not self._busy and not self._waiting):
            self._nudge.set()

    def _lacking(self) -> None:
        if self._open < self._due or self._busy + len(self._waiting) > self._told:
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
        while True:
            with suppress(TimeoutError):
                soon = max(SOON, 0.02 * self._holders)
                async with asyncio.timeout(min(self._fleet.beat, soon) if self._waiting else self._fleet.beat):
                    await self._nudge.wait()
            self._nudge.clear()
            await self._try_to_renew()
            # Whoever lacks slots asks again soon, but a big fleet must not keep Redis busy with asking.
            await asyncio.sleep(min(self._fleet.beat, 0.01 + 0.005 * self._holders))
            if self._open < self._due and self._waiting:
                self._nudge.set()

    async def _try_to_renew(self) -> None:
        try:
            async with self._renewing:
                await self._renew()
        except (RedisError, OSError, TimeoutError) as error:
            now = asyncio.get_running_loop().time()
            self._since = self._since or now
            if now > self._valid:
                self._open = 0
            if now - self._since > self._fleet.patience:
                self._refuse(ServiceUnavailable(f"Redis, which keeps the limit of requests, cannot be used: {error}"))

    async def _renew(self, *, leaving: bool = False) -> None:
        fleet, loop = self._fleet, asyncio.get_running_loop()
        asked, now = self._asked, loop.time()
        ok, failed, self._ok, self._failed, self._asked = self._ok, self._failed, 0, 0, 0.0
        if not self._waiting:
            self._open = min(self._open, self._busy)  # Whoever comes next asks again.
        held = self._busy if leaving or now > self._valid else max(self._open, self._busy)
        if not leaving:
            self._told = min(self._busy + len(self._waiting), fleet.limit)
        arguments: list[str | float] = [
            self._name,
            fleet.limit,
            held,
            self._told,
        ]
        arguments += [
            _ms(LINGER if leaving else fleet.lease),
            _ms(2 * fleet.beat),
            int(self._new),
            ok,
            failed,
            _ms(asked),
        ]
        arguments += [f"{random.random():.6f}", fleet.failures, _ms(fleet.quiet), _ms(fleet.open)]  # noqa: S311
        arguments += [_ms(LONGEST_OPEN), _ms(PROBE), int(leaving)]
        try:
            answer = await self._script(keys=[fleet.leases, fleet.circuit(self._host)], args=arguments)
        except BaseException:
            self._ok, self._failed, self._asked = self._ok + ok, self._failed + failed, max(self._asked, asked)
            raise
        self._new = False
        share, self._due, self._holders, wait, probe = (int(number) for number in answer)
        self._owing = held > share
        # Not to the lease's very end: a request may leave just before this holder notices.
        self._valid = now + fleet.lease * 0.7
        self._probing = bool(probe)
        if not wait:
            self._since = None
            self._open = share
        elif probe:
            self._since = None
            self._open = min(1, share)
        else:
            self._open = 0
            self._since = self._since or now
            if wait / 1000 > fleet.patience or now - self._since > fleet.patience:
                until = datetime.now(UTC) + timedelta(milliseconds=wait)
                message = f"{self._host} keeps refusing: the fleet sends it nothing until {until:%H:%M:%S} UTC"
                self._refuse(TryLater(message, self._host, wait / 1000))
        self._admit()

    def _refuse(self, error: PkgintelError) -> None:
        """Let everyone who waits go with `error`."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(error)


# A process's connections to Redis and its names in the hash outlive the page tasks, as its wire does.
_clients: WeakKeyDictionary[Wire, dict[str, redis.asyncio.Redis]] = WeakKeyDictionary()
_names: WeakKeyDictionary[Wire, list[str]] = WeakKeyDictionary()


class Fleet:
    """The limit of requests in flight that all workers with this Redis and prefix keep together.

    `lease`, `beat`, `patience`, `failures`, `quiet` and `open` are for tests; see the constants.
    """

    def __init__(
        self,
        url: str,
        limit: int,
        prefix: str = "pkgintel:fleet:",
        *,
        lease: float = LEASE,
        beat: float = BEAT,
        patience: float = PATIENCE,
        failures: int = FAILURES,
        quiet: float = QUIET,
        open: float = OPEN,  # noqa: A002 - the circuit's word
    ) -> None:
        self.url = url
        self.limit = limit
        self.leases = f"{prefix}leases"
        self.lease, self.beat, self.patience = lease, beat, patience
        self.failures, self.quiet, self.open = failures, quiet, open
        self._prefix = prefix

    def circuit(self, host: str) -> str:
        """The key of a host's circuit."""
        return f"{self._prefix}circuit:{host}"

    @contextmanager
    def gauge(self, wire: Wire, url: str) -> Iterator[FleetGauge]:
        """A share of the limit for requests to the host of `url`, leased until the block ends.

        Raises: nothing of its own; who waits for a slot gets `TryLater` when the circuit stays open for longer than a
        minute, and `ServiceUnavailable` when Redis does.
        """
        clients = _clients.setdefault(wire, {})
        if self.url not in clients:
            never = Retry(NoBackoff(), 0)  # The next renewal is the retry.
            client = redis.asyncio.from_url(self.url, socket_timeout=2, socket_connect_timeout=2, retry=never)
            clients[self.url] = client
            wire.at_close.append(client.aclose)
        names = _names.setdefault(wire, [])
        name = names.pop() if names else secrets.token_hex(8)
        gauge = FleetGauge(self, origins.host(url), clients[self.url], name)
        try:
            wire.run(gauge.join())
            yield gauge
        finally:
            wire.run(gauge.quit())
            names.append(name)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
