"""How soon the tasks of a worker that is gone are given back."""

import celeryconfig
from pkgintel.runtime.orphans import TAKEN, TWICE


def test_a_task_of_a_dead_worker_is_given_back_within_half_a_minute() -> None:
    """A look finds it up to one upkeep after it may be found, and a later one, late enough, gives it back."""
    every = celeryconfig.beat_schedule["upkeep"]["schedule"]
    looks = -(-TWICE // every)  # How many more looks it takes until one is late enough.
    assert TAKEN + every + looks * every <= 30
