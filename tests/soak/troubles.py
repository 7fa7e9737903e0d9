"""What strikes in a soak beyond the faults of chaos: floods of rejects, and a Postgres that only reads."""

import random
import time

from pkgintel import database
from tests.chaos.faults import Faults
from tests.chaos.invariants import Stuck
from tests.chaos.stack import Stack
from tests.chaos.world import World
from tests.support.waiting import until

FLOOD = 40  # Leaves: enough to close the gate of a scan.


class Troubles(Faults):
    """The faults of chaos, and those that take longer than a round of it should."""

    def __init__(self, stack: Stack, world: World, chance: random.Random) -> None:
        super().__init__(stack, world, chance)
        self.kinds |= {"rejects-flood": self._rejects_flood, "postgres-read-only": self._postgres_read_only}

    def _rejects_flood(self) -> None:
        """The newest leaves are gone for a while: the scan is blocked; then they are back, and are asked for again."""
        self.world.grow(2 * FLOOD)
        self.world.withhold(FLOOD)
        next_scan = 0.0

        def blocked() -> bool:
            nonlocal next_scan
            self.stack.tend()
            if time.monotonic() > next_scan:  # One beside another scan is skipped.
                self.stack.send("catalog.scan")
                next_scan = time.monotonic() + 5
            return bool(self.stack.rows("SELECT FROM ops.rejected_leaves WHERE resolved_at IS NULL LIMIT 1"))

        try:
            until(blocked, "the leaves are rejected", timeout=60, pause=0.5)
        except AssertionError as error:
            raise Stuck(str(error)) from None
        self.soon()
        self.world.settle()
        self.stack.send("catalog.replay", rejected=True)

    def _postgres_read_only(self) -> None:
        """As while a standby is not promoted yet: everything can be read, and nothing written, for some seconds."""
        with database.connect(self.stack.postgres.url("postgres")) as conn:
            conn.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            conn.execute("SELECT pg_reload_conf()")
            self.stack.pause(self.chance.uniform(3, 12))
            conn.execute("SET default_transaction_read_only = off")
            conn.execute("ALTER SYSTEM RESET default_transaction_read_only")
            conn.execute("SELECT pg_reload_conf()")
