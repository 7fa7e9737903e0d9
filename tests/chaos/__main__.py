"""Breaking the real thing at random: two workers, a beat, Postgres and Valkey, killed while they work.

    python -m tests.chaos --rounds 100 --seed 7        # or: make chaos ROUNDS=100 SEED=7
    python -m tests.chaos --whole --rounds 10          # or: make chaos ROUNDS=10 ARGS=--whole

Each round the catalog grows, work is sent, one or two faults strike at a random moment, and once they are over the
pipeline has to come to the right end by itself, with one more tick at most. The seed decides everything but the clock.
With `--whole` a round is the load of a whole registry of nuget.org's shape, in which everything is killed with -9 at
once, in the phases in turn: while pages make versions known, in a round of leaves that decide, while the rest is read.
With `--speaking` it reads only what can speak, and `--scale 0.1 --kills 8` strikes a tenth of nuget.org eight times.
All that is started here has a home of its own in a temporary directory, and is stopped at the end, whatever happens.
"""

import argparse
import random
import signal
import sys

from tests.chaos import rounds, whole
from tests.chaos.invariants import Broken


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is printed")
    parser.add_argument("--minutes", type=float, default=None, help="no new round after so many minutes")
    parser.add_argument("--keep", action="store_true", help="leave the servers' files and the logs where they are")
    parser.add_argument("--whole", action="store_true", help="load a registry in each round, and kill everything in it")
    parser.add_argument("--scale", type=float, default=0.001, help="of that registry, as a share of nuget.org")
    parser.add_argument("--speaking", action="store_true", help="read only what can speak, in each such load")
    parser.add_argument("--kills", type=int, default=1, help="how often each such load is struck")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # What was started is stopped then too.

    def say(line: str) -> None:
        print(line, flush=True)

    try:
        if given.whole:
            kind = whole.Kind(given.scale, given.kills, reads_all=not given.speaking)
            done = whole.perform(given.rounds, seed, kind, say, given.keep)
        else:
            done = rounds.perform(given.rounds, seed, say, given.minutes, given.keep)
    except Broken as error:
        sys.exit(f"chaos: {error}")
    print(f"chaos: {done} rounds, all right")


if __name__ == "__main__":
    main()
