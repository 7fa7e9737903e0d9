"""An hour with it: ticks, replays, kills, floods of rejects and new license lists, and what that leaves behind.

    python -m tests.soak --minutes 60        # or: make soak MINUTES=60

The rounds are those of chaos, with more kinds of trouble. One worker and a Flower are never struck themselves; they,
the tables, the servers and the logs are measured once all is warm, and at the end. Flower is asked for its pages all
the time: it has to answer, whatever is broken behind it.
"""

import argparse
import random
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

from tests.chaos.invariants import Broken, Stuck
from tests.chaos.rounds import Chaos
from tests.soak.measure import Measures, compared, measure
from tests.soak.troubles import Troubles
from tests.support.hostile import HostileServer
from tests.support.waiting import until

PAGES = ("/pipeline", "/pipeline/runs", "/pipeline/runs/1", "/metrics", "/workers")
WARM = 5  # Rounds before the first measure.
BETWEEN = 600.0  # Seconds between two measures that are printed on the way.


class Visitor:
    """Asks a Flower for its pages, as a browser and a Prometheus do, and counts what it answers."""

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"
        self.heard: Counter[str] = Counter()
        self.slowest = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._visit, daemon=True)
        self._thread.start()

    def _visit(self) -> None:
        while not self._end.wait(2):
            for path in PAGES:
                begun = time.monotonic()
                try:
                    with urllib.request.urlopen(self.root + path, timeout=30) as answer:  # noqa: S310 (our own)
                        self.heard[str(answer.status)] += 1
                except OSError as error:  # HTTPError too.
                    self.heard[f"{path} {error}"] += 1
                self.slowest = max(self.slowest, time.monotonic() - begun)

    def leave(self) -> None:
        """Ask no more."""
        self._end.set()
        self._thread.join(40)


def soak(minutes: float, seed: int) -> str:
    """Rounds until the time is up; what was measured. Raises: Broken."""
    home = Path(tempfile.mkdtemp(prefix="pkgintel-soak-"))
    try:
        with HostileServer(latency=0.04) as server:
            chaos = Chaos(home, server, seed, lambda line: print(line, flush=True))
            chaos.faults = Troubles(chaos.stack, chaos.world, chaos.chance)
            try:
                return _lived(chaos, minutes)
            finally:
                chaos.stack.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _lived(chaos: Chaos, minutes: float) -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chaos.begin()
    spared = [
        chaos.stack.spare("veteran", ["worker", "-c", "2", "-n", "veteran@chaos", "--loglevel=INFO"]),
        chaos.stack.spare("flower", ["flower", f"--port={port}"]),
    ]
    until(lambda: b"Visit me" in spared[1].log.read_bytes(), "Flower is up")
    begun, visitor = time.monotonic(), Visitor(port)
    first: Measures = {}
    rounds, printed = 0, begun
    for number, kinds in enumerate(chaos.kinds(sys.maxsize)):
        if time.monotonic() - begun > minutes * 60:
            break
        chaos.round(number, kinds)
        rounds = number + 1
        if rounds == WARM:
            first, printed = measure(chaos.stack, spared), time.monotonic()
        elif rounds > WARM and time.monotonic() - printed > BETWEEN:
            printed = time.monotonic()
            chaos.say(f"after {rounds} rounds\n{compared(first, measure(chaos.stack, spared))}")
    visitor.leave()
    if dead := [program.name for program in spared if not program.running()]:
        raise Stuck(f"{', '.join(dead)} ended, and nobody had killed it\n{chaos.invariants.story()}")
    last = measure(chaos.stack, spared)
    heard = ", ".join(f"{count} × {answer}" for answer, count in visitor.heard.most_common())
    return "\n".join(
        (
            f"{rounds} rounds in {(time.monotonic() - begun) / 60:.0f} minutes",
            chaos.summary(),
            f"Flower answered {heard}; the slowest page took {visitor.slowest:.1f} s",
            compared(first, last),
        )
    )


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is printed")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # What was started is stopped then too.
    print(f"seed {seed}", flush=True)
    try:
        print(soak(given.minutes, seed))
    except Broken as error:
        sys.exit(f"soak: {error}\nseed {seed}")


if __name__ == "__main__":
    main()
