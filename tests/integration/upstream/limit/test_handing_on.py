"""Slots that a page no longer needs reach the others before its last request has ended, and no beat is awaited."""

from contextlib import ExitStack

from pkgintel.upstream.client import Client
from tests.support.limits import Busy, Redis, fleet_of, leases, soon

FAR = 60.0  # Seconds to the next beat: whatever happens here waits for none.


def _shared(stack: ExitStack, client: Client, valkey: Redis, prefix: str) -> tuple[Busy, Busy, Busy]:
    """Of twelve slots, two times four of a holder that wants no more, and the rest of one that wants them all."""
    fleet = fleet_of(valkey, prefix, 12, beat=FAR, lease=4 * FAR)
    ending, waits = (stack.enter_context(fleet.lease(client, "https://a.example/x")) for _ in range(2))
    early, late = Busy(client, ending, 4), Busy(client, ending, 4)
    soon(lambda: ending.share == 8)
    other = Busy(client, waits, 12)
    soon(lambda: waits.share == 4)
    return early, late, other


def test_slots_are_handed_on_while_the_last_requests_of_a_page_are_under_way(
    valkey: Redis, client: Client, prefix: str
) -> None:
    with ExitStack() as stack:
        early, late, other = _shared(stack, client, valkey, prefix)
        early.let_go()
        soon(lambda: other.limit.share >= 7)  # One may stay behind until the next renewal.
        assert late.limit.busy >= 1  # The page is still being read.
        assert sum(leases(valkey, prefix).values()) <= 12
        late.let_go()
        soon(lambda: other.limit.share == 12)
        assert sum(leases(valkey, prefix).values()) <= 12
        assert not early.errors + late.errors + other.errors
        other.let_go()


def test_who_waits_hears_that_another_comes_to_its_end(valkey: Redis, client: Client, prefix: str) -> None:
    with ExitStack() as stack:
        early, late, other = _shared(stack, client, valkey, prefix)
        soon(lambda: not other.limit.standing.moving)
        early.let_go()
        soon(lambda: other.limit.standing.moving)
        late.let_go()
        soon(lambda: not other.limit.standing.moving)  # Nothing is left that could come.
        other.let_go()
