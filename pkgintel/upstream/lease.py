"""One holder's share of the fleet's limit: what it uses and wants, and when Redis hears of that.

A renewal costs a round trip, so it comes when something is to be said or heard: soon after slots fell free that others
could use, and after requests began to wait; a few times a second while the shares move, for what one holder lets go
lies idle until another one asks; and now and then, to keep the lease.
"""

import asyncio
import json
import math
import random
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis.asyncio
from redis.exceptions import RedisError

from pkgintel.errors import ServiceUnavailable, TryLater
from pkgintel.upstream.slots import LocalLimit

# Seconds between two renewals, times the holders there are, for a big fleet must not keep Redis busy with asking:
ASK = 0.005  # of a holder that waits while the shares move,
CALM = 0.0125  # of one that waits while they do not,
SOON = 0.05  # which is this at least.
GIVE = 0.003  # Seconds between two renewals that let go of slots.
LINGER = 0.3  # Seconds that requests which a page left unfinished, as it broke off, count on.

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


@dataclass(frozen=True, slots=True)
class Terms:
    """What a lease is about: the host that is asked, the slots of the fleet, and what every renewal says alike."""

    host: str
    limit: int
    pace: Pace
    keys: tuple[str, str]  # Of the leases, of the host's circuit.
    said: dict[str, int]  # In the words of the script; times in ms.


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

    The circuit stays open for `wait` ms (0: it is closed), unless this holder is its probe. `moving` says that more may
    be free soon: this holder has not got all that is due to it, or another one wants less than before.
    """

    share: int = 0
    due: int = 0
    holders: int = 1
    wait: int = 0
    probing: bool = False
    moving: bool = False

    @property
    def refused(self) -> bool:
        """Whether the circuit lets this holder send nothing."""
        return self.wait > 0 and not self.probing

    @property
    def pause(self) -> float:
        """The seconds between two renewals of a holder that waits for slots."""
        if self.moving and not self.refused:
            return ASK * self.holders
        return max(SOON, CALM * self.holders)


class Lease(LocalLimit):
    """A share of the fleet's limit, for requests to one host. `FleetLimit.lease` makes it; it lives in the loop.

    Redis hears of it with its first request, so a page that asks for nothing costs no round trip.
    """

    def __init__(self, terms: Terms, name: str, redis_client: redis.asyncio.Redis) -> None:
        super().__init__(terms.limit)
        self.name = name
        self.standing = Standing()
        self._share = 0
        self._terms = terms
        self._script = redis_client.register_script(RENEW)
        self._tally = Tally()
        self._asked_for = 0  # The slots last asked for.
        self._counted = 0  # Those that Redis counts as used here.
        self._wide = False  # Ever had more than one slot.
        self._known = False  # Heard of in Redis.
        self._valid = 0.0  # Until when the share may be used without renewal.
        self._waits_since: float | None = None  # When the present waiting for the circuit or for Redis began.
        self._renewed, self._next = 0.0, math.inf  # When the last renewal began, and when the next one has to.
        self._sooner = asyncio.Event()
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
            self._renew_after(0.0)
        super().leave(answered)
        self._give()

    def _give(self) -> None:
        """Let others have what is free here: a quarter at once, or all of what was taken away, or the last one."""
        used = max(self._share, self._busy) if self._waiting else self._busy
        # Whoever sends one request after the other keeps its slot between them.
        least = max(2, self._counted // 4) if self._busy or not self._wide else 1
        if self._counted - used >= least or self._busy <= self._share < self._counted:
            self._renew_after(GIVE)

    def _lacking(self) -> None:
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())
        if self._busy + len(self._waiting) > self._asked_for:
            self._renew_after(ASK * self.standing.holders if self._asked_for else 0.0)

    def _renew_after(self, pause: float) -> None:
        """Renew `pause` seconds after the last renewal began, unless that comes earlier anyway."""
        if self._renewed + pause < self._next:
            self._next = self._renewed + pause
            self._sooner.set()

    @property
    def begun(self) -> bool:
        """Whether anybody asked for a slot, so that Redis may have heard of this lease."""
        return self._keeper is not None

    async def quit(self) -> None:
        """Give the share back; if that fails, the lease ends by itself."""
        if self._keeper is not None:
            async with self._renewing:  # A renewal that is on its way would bring the lease back.
                self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        with suppress(RedisError, OSError, TimeoutError):
            await self._renew(leaving=True)

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._sooner.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._next):
                    await self._sooner.wait()
            if loop.time() >= self._next:
                await self._try_to_renew()

    async def _try_to_renew(self) -> None:
        loop, pace = asyncio.get_running_loop(), self._terms.pace
        self._renewed, self._next = loop.time(), math.inf
        try:
            async with self._renewing:
                await self._renew()
        except (RedisError, OSError, TimeoutError) as error:
            now = loop.time()
            self._waits_since = self._waits_since or now
            if now > self._valid:
                self._share = 0
            if now - self._waits_since > pace.patience:
                self._refuse(ServiceUnavailable(f"Redis, which keeps the limit of requests, cannot be used: {error}"))
        else:
            self._give()
        self._renew_after(min(pace.beat, self.standing.pause) if self._waiting else pace.beat)

    async def _renew(self, *, leaving: bool = False) -> None:
        """Say what is used and wanted and how the servers did, and take the share that is answered."""
        now = asyncio.get_running_loop().time()
        if not self._waiting:
            self._share = min(self._share, self._busy)  # Whoever comes next asks again.
        held = self._busy if leaving or now > self._valid else max(self._share, self._busy)
        if not leaving:
            self._asked_for = min(self._busy + len(self._waiting), self._terms.limit)
        tally = self._tally.take()
        said: dict[str, str | float] = {
            **self._terms.said,
            "holder": self.name,
            "held": held,
            "wanted": self._asked_for,
            "new": not self._known,
            "ok": tally.ok,
            "failed": tally.failed,
            "retry_after": ms(tally.retry_after),
            "chance": random.random(),  # noqa: S311 - no secret
            "leaving": leaving,
        }
        if leaving:
            said["lease"] = ms(LINGER)
        try:
            answer = await self._script(keys=self._terms.keys, args=[json.dumps(said)])
        except BaseException:
            self._tally.give_back(tally)
            raise
        share, due, holders, wait, probe, moving = (int(number) for number in answer)
        self._take(Standing(share, due, holders, wait, bool(probe), bool(moving)), held, now)

    def _take(self, standing: Standing, held: int, now: float) -> None:
        """Use what Redis answered at `now` (the loop's time) to a renewal that said that `held` slots were held."""
        pace = self._terms.pace
        self.standing = standing
        self._known = True
        # Not to the lease's very end: a request may leave just before this holder notices.
        self._valid = now + pace.lease * 0.7
        if not standing.refused:
            self._waits_since = None
            self._share = min(1, standing.share) if standing.probing else standing.share
        else:
            self._share = 0
            self._waits_since = self._waits_since or now
            if standing.wait / 1000 > pace.patience or now - self._waits_since > pace.patience:
                until = datetime.now(UTC) + timedelta(milliseconds=standing.wait)
                message = f"{self._terms.host} keeps refusing: the fleet sends it nothing until {until:%H:%M:%S} UTC"
                self._refuse(TryLater(message, self._terms.host, standing.wait / 1000))
        self._counted = max(self._share, held)
        self._wide = self._wide or self._counted > 1
        self._admit()


def ms(seconds: float) -> int:
    """Seconds as whole milliseconds."""
    return round(seconds * 1000)
