"""Whole registries, loaded while everything is killed with -9 at once: in the pages, in a round of leaves, in the rest.

Each load begins with an empty database. In the end the tables equal the oracle's, and what was done twice is counted.
In a registry too large for the oracle's memory, every version is known and the right one speaks for each package.
"""

import gzip
import json
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pkgintel import database
from pkgintel.pipeline import sync
from tests.bench import registry, truth
from tests.bench.server import BenchServer
from tests.bench.whole import wrong_speakers
from tests.bench.world import license_list
from tests.chaos.invariants import Broken, Stuck
from tests.chaos.stack import Stack
from tests.support.oracle import Event
from tests.support.places import quick_place
from tests.support.tables import differences

LATENCY = 0.03  # Seconds.
PATIENCE = 300.0  # Seconds for one load, kill and all; ten times as many for a tenth of nuget.org.
SMALL = 0.01  # Of nuget.org: the oracle keeps every leaf of a registry in memory.
PHASES = {"known": "catalog", "round": "speakers", "rest": "rest"}  # Each by the kind of its pages.
BEGUN = "SELECT FROM ops.run_pages WHERE kind = %s AND attempts > 0 AND state = 'pending' LIMIT 1"
BUSY = """
    SELECT FROM ops.runs WHERE state = 'running' OR settled_at IS NULL AND state IN ('done', 'caught_up')
    UNION ALL SELECT FROM raw.{unread}
    UNION ALL SELECT FROM raw.nuget_packages p WHERE state <> 'deleted'
        AND NOT EXISTS (SELECT FROM enriched.nuget_package_oss_status s WHERE s.package_key = p.package_key)
    UNION ALL SELECT FROM (SELECT 1 WHERE NOT EXISTS (SELECT FROM raw.nuget_packages)) AS nothing
    LIMIT 1
"""
TWICE = """
    SELECT sum(leaves) FILTER (WHERE state = 'done')::int AS leaves, sum(attempts)::int AS begun,
           count(*) FILTER (WHERE state = 'done' AND attempts > 0)::int AS pages
    FROM ops.run_pages
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """Which registry a load is of (a share of nuget.org), how often it is struck, and whether it reads all leaves."""

    scale: float
    kills: int = 1
    reads_all: bool = True

    @property
    def phases(self) -> list[str]:
        """What a load goes through."""
        return [*PHASES] if self.reads_all else ["known", "round"]

    @property
    def busy(self) -> str:
        """Finds a row while a load is not through."""
        return BUSY.format(unread="unread_versions" if self.reads_all else "unread_packages")

    def struck(self, number: int) -> list[str]:
        """The phases in which load `number` is struck, in their order."""
        each = [self.phases[(number + kill) % len(self.phases)] for kill in range(self.kills)]
        return sorted(each, key=self.phases.index)


@dataclass(frozen=True, slots=True)
class Load:
    """What became of one load: when it was struck, how long it took, and what was done twice of it."""

    phases: list[str]
    seconds: float
    leaves: int
    leaves_again: int
    pages: int
    pages_again: int

    def __str__(self) -> str:
        share = 100 * self.leaves_again / self.leaves
        return (
            f"killed in the phases {', '.join(self.phases)}: equal to the oracle after {self.seconds:.0f} s; twice: "
            f"{self.leaves_again} of {self.leaves:,} leaves ({share:.1f} %), {self.pages_again} of {self.pages} pages"
        )


def perform(loads: int, seed: int, kind: Kind, say: Callable[[str], None], keep: bool = False) -> int:
    """So many loads of a registry; how many there were. Raises: Broken."""
    say(f"seed {seed}")
    chance = random.Random(seed)
    home = Path(tempfile.mkdtemp(prefix="pkgintel-chaos-", dir=quick_place()))
    try:
        made = registry.make(home / "registry", registry.Shape(kind.scale, seed))
        for number in range(loads):
            room = home / f"load{number}"
            room.mkdir()
            found = _load(room, made, kind, number, chance)
            say(f"load {number + 1}: {found}")
            if not keep:
                shutil.rmtree(room)
    except Broken as error:
        raise type(error)(f"{error}\nseed {seed}") from None
    else:
        return loads
    finally:
        if not keep:
            shutil.rmtree(home, ignore_errors=True)


def _load(room: Path, made: registry.Registry, kind: Kind, number: int, chance: random.Random) -> Load:
    with _stack(room, made, kind) as (stack, server):
        begun, struck = time.monotonic(), []
        patience = PATIENCE * max(1.0, 100 * kind.scale)
        stack.send("catalog.scan")
        for phase in kind.struck(number):
            there = f"pages of the phase {phase} are begun, or all is over"
            _until(stack, partial(_is_begun, stack, kind, PHASES[phase]), there, patience)
            stack.pause(chance.uniform(0, 1 + 200 * kind.scale))
            if stack.rows(kind.busy):
                struck.append(phase)
                _kill_all(stack)
        _until(stack, lambda: not stack.rows(kind.busy), "everything that is wanted is read and judged", patience)
        seconds = time.monotonic() - begun
        with stack.conn() as conn:
            small = kind.scale <= SMALL
            wrong = differences(conn, events(made, server.origin(LATENCY))) if small else _wrong(conn, made)
        if wrong:
            raise Broken(f"{len(wrong)} differences from the oracle, such as {wrong[:3]}")
        did = stack.rows(TWICE)[0]
        leaves_again, pages_again = server.leaf_requests() - did["leaves"], did["begun"] - did["pages"]
        return Load(struck, seconds, did["leaves"], leaves_again, did["pages"], pages_again)


def _is_begun(stack: Stack, kind: Kind, kind_of_page: str) -> bool:
    return bool(stack.rows(BEGUN, kind_of_page)) or not stack.rows(kind.busy)


def _wrong(conn: database.Connection, made: registry.Registry) -> list[object]:
    """The packages that speak by another version than they should, and how many versions are known, if not all."""
    expected = truth.of(made.shape)
    known = conn.execute("SELECT count(*) AS versions FROM raw.nuget_versions").fetchall()[0]["versions"]
    found: list[object] = [*wrong_speakers(conn, expected)]
    return found + ([f"{known} versions in place of {expected.versions}"] if known != expected.versions else [])


@contextmanager
def _stack(room: Path, made: registry.Registry, kind: Kind) -> Iterator[tuple[Stack, BenchServer]]:
    """Everything at work with an empty database, and the registry served."""
    server = BenchServer(made, [LATENCY])
    address = f"{server.origin(LATENCY)}/{made.name}/v3.json"
    read = "all" if kind.reads_all else "speaking"
    ours = {"PKGINTEL_READ": read, "PKGINTEL_PAGES_PER_SCAN": "500", "PKGINTEL_MAX_IN_FLIGHT": "64"}
    stack = Stack(room, address, ours)
    try:
        stack.start()
        with stack.conn() as conn, conn.transaction():
            sync.rewrite(conn, license_list("1.0"))
        yield stack, server
    finally:
        stack.stop()
        server.stop()


def _kill_all(stack: Stack) -> None:
    """kill -9 of workers, beat, Valkey and Postgres in no time, then all of them anew."""
    for program in [*stack.workers, *([stack.beat] if stack.beat else [])]:
        program.signal_group(9)
    stack.kill_server(stack.valkey)
    stack.kill_server(stack.postgres)
    stack.start_server(stack.postgres)
    stack.start_server(stack.valkey)
    for worker in [*stack.workers]:
        worker.kill()
        stack.replace(worker)
    stack.tend()


def _until(stack: Stack, is_so: Callable[[], bool], what: str, patience: float) -> None:
    """Wait until it is so, with upkeep every second. Raises: Stuck."""
    end, sent = time.monotonic() + patience, 0.0
    while not is_so():
        if time.monotonic() > end:
            raise Stuck(f"not in {patience:.0f} s: {what}")
        if time.monotonic() - sent > 1:
            sent = time.monotonic()
            stack.send("ops.upkeep")
        stack.pause(0.05)


def events(made: registry.Registry, origin: str) -> Iterator[Event]:
    """Every event of the registry as the oracle takes them, read from what is served."""
    leaves, root = made.leaves(), f"{origin}/{made.name}"
    for number, _, _ in made.lines:
        page = json.loads(gzip.decompress((made.folder / f"page{number}.json.gz").read_bytes()))
        for item in page["items"]:
            path = item["@id"].replace("@", f"/{made.name}", 1)
            _, _, body = leaves[path.encode()].partition(b"\r\n\r\n")
            yield Event(item | {"@id": item["@id"].replace("@", root, 1)}, json.loads(body))
