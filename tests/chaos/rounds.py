"""The rounds: grow the catalog, send work, break something, and see it come right."""

import random
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pkgintel.nuget.instant import timestamp
from tests.chaos.faults import Faults
from tests.chaos.invariants import BEHIND_REJECTS, Broken, Invariants, Stuck
from tests.chaos.stack import LOST_AFTER, Stack
from tests.chaos.world import World
from tests.support.hostile import HostileServer
from tests.support.places import quick_place

REPLAYED = 40  # Pages that a replay of a time reads at most: of a soak, all of them take longer than a round may.
PATIENCE = 90.0  # Seconds a round may take to come to its right end once the faults are over.


class Chaos:
    """The rounds, and how long each fault took to be over."""

    def __init__(self, home: Path, server: HostileServer, seed: int, say: Callable[[str], None]) -> None:
        self.chance = random.Random(seed)
        self.world = World(server, random.Random(seed + 1))
        base = self.world.base
        lists = {f"PKGINTEL_SPDX_{name.upper()}_URL": f"{base}/spdx/{name}.json" for name in ("licenses", "exceptions")}
        self.stack = Stack(home, f"{base}/v3/index.json", lists)
        self.faults = Faults(self.stack, self.world, self.chance)
        self.invariants = Invariants(self.stack, self.world, server)
        self.say = say
        self.recoveries: dict[str, list[float]] = defaultdict(list)
        self.ticks = self.busy = self.replayed_again = 0
        self.begun = time.monotonic()

    def round(self, number: int, kinds: list[str]) -> None:
        """Grow, send, break, and see it come right."""
        chance, stack = self.chance, self.stack
        whole, later = chance.random() < 0.75, chance.random() < 0.25
        self.world.grow(chance.randint(20, 140), whole=whole)
        work = self._work(number)
        for task, kwargs in work:
            stack.send(task, **kwargs)
        self.faults.soon(1.2)
        if later:
            self.world.grow(chance.randint(1, 20), whole=whole)
        for kind in kinds:
            self.busy += self.invariants.busy()
            self.faults.kinds[kind]()
        self.world.settle()
        seconds, ticked = self._recover(tick=later or not whole)
        self.ticks += ticked
        for kind in kinds:
            self.recoveries[kind].append(seconds)
        told = ", ".join(task.partition(".")[2] + (f" {next(iter(with_))}" if with_ else "") for task, with_ in work)
        self.say(
            f"round {number + 1}: {told} | {' + '.join(kinds)} | right after {seconds:.1f} s"
            + (" and one more tick" if ticked else "")
        )
        self.invariants.check_runs()
        self.invariants.check_tables()

    def _work(self, number: int) -> list[tuple[str, dict[str, Any]]]:
        """What is sent in a round: tasks and their arguments."""
        chance = self.chance
        work: list[tuple[str, dict[str, Any]]] = [("catalog.scan", {})]
        if chance.random() < 0.3:
            work.append(("catalog.scan", {"kind": "scheduled"}))
        if chance.random() < 0.3:
            self.world.new_license_list()
            work.append(("spdx.sync", {}))
        if chance.random() < 0.2:
            work.append(("verdicts.classify", {}))
        if number and chance.random() < 0.3:
            page = chance.choice(list(self.world.index))
            wanted: list[dict[str, Any]] = [
                {"package": "Alpha"},
                {"page": self.world.url(page)},
                {"rejected": True},
                {"since": timestamp(chance.choice(sorted(self.world.index.values())[-REPLAYED:]))},
            ]
            work.append(("catalog.replay", chance.choice(wanted)))
        chance.shuffle(work)
        return work

    def _recover(self, *, tick: bool) -> tuple[float, bool]:
        """Wait until all is right; how long that took, and whether the one tick that is allowed was needed."""
        begun = time.monotonic()
        quiet_since: float | None = None
        if tick:
            self.stack.send("catalog.scan")
        next_upkeep, next_replay = 0.0, begun + 2 * LOST_AFTER
        while True:
            now = time.monotonic()
            wrong = self.invariants.wrong()
            if not wrong:
                return now - begun, tick
            self._keep_workers()
            if now - begun > PATIENCE:
                raise Stuck(f"not right after {PATIENCE:.0f} s: {'; '.join(wrong)}\n{self.invariants.story()}")
            busy = any(not line.startswith("behind") for line in wrong)
            quiet_since = None if busy else quiet_since or now
            if quiet_since and not tick and now - quiet_since > 2 * LOST_AFTER:
                tick = True
                self.stack.send("catalog.scan")
            if quiet_since and now > next_replay and any(line.startswith(BEHIND_REJECTS) for line in wrong):
                # As an operator does whose replay was lost with Redis before it began: nothing else sends it again.
                next_replay, self.replayed_again = now + 2 * LOST_AFTER, self.replayed_again + 1
                self.stack.send("catalog.replay", rejected=True)
            if now > next_upkeep:
                next_upkeep = now + 1
                self.stack.send("ops.upkeep")
            self.stack.pause(0.1)

    def _keep_workers(self) -> None:
        """Start another in the place of one that gave up, as whoever keeps the workers does. Raises: Stuck."""
        for worker in [worker for worker in self.stack.workers if worker.gave_up()]:
            self.stack.replace(worker)
        dead = [worker.name for worker in self.stack.workers if not worker.running()]
        if dead:
            raise Stuck(f"{', '.join(dead)} ended, and nobody had killed it\n{self.invariants.story()}")

    def kinds(self, rounds: int) -> Iterator[list[str]]:
        """For each round its faults: every kind comes in turn, in a shuffled order, every third round has two."""
        names: list[str] = []
        for _ in range(rounds):
            if not names:
                names = sorted(self.faults.kinds)
                self.chance.shuffle(names)
            found = [names.pop()]
            if self.chance.random() < 0.35:
                found.append(self.chance.choice(sorted(self.faults.kinds)))
            yield found

    def begin(self) -> None:
        """Start everything, and read a first catalog and license list."""
        self.stack.start()
        self.world.grow(40)
        self.stack.send("spdx.sync")
        self._recover(tick=True)

    def perform(self, rounds: int, minutes: float | None = None) -> int:
        """The rounds; how many there were when the time was up."""
        try:
            self.begin()
            done = 0
            for number, kinds in enumerate(self.kinds(rounds)):
                if minutes is not None and time.monotonic() - self.begun > minutes * 60:
                    break
                self.round(number, kinds)
                done += 1
            self.invariants.check_end(self.faults.of_redis)
            return done
        finally:
            self.stack.stop()

    def summary(self) -> str:
        """Time to recovery by fault, and in which words runs ended."""
        every = sorted(seconds for found in self.recoveries.values() for seconds in found)
        lines = [
            f"{len(every)} faults, {self.busy} of them while a run was running; right again after "
            f"{every[len(every) // 2]:.1f} s in the middle, {every[-1]:.1f} s at most",
            f"{self.ticks} rounds had one more tick, beat was started {self.stack.beats} times",
            f"a replay of rejected leaves was sent again {self.replayed_again} times",
        ]
        for kind, found in sorted(self.recoveries.items()):
            mean = sum(found) / len(found)
            lines.append(f"  {kind:<24} {len(found):>3} × {mean:5.1f} s, at most {max(found):5.1f} s")
        return "\n".join(lines)


def perform(
    rounds: int, seed: int, say: Callable[[str], None], minutes: float | None = None, keep: bool = False
) -> int:
    """Rounds of chaos in a home of their own; how many there were. Raises: Broken."""
    say(f"seed {seed}")
    home = Path(tempfile.mkdtemp(prefix="pkgintel-chaos-", dir=quick_place()))
    try:
        with HostileServer(latency=0.04) as server:
            chaos = Chaos(home, server, seed, say)
            done = chaos.perform(rounds, minutes)
            say(chaos.summary())
            return done
    except Broken as error:
        raise type(error)(f"{error}\nseed {seed}") from None
    finally:
        if not keep:
            shutil.rmtree(home, ignore_errors=True)
