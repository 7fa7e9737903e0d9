"""How much the benchmark measures: a little, enough for a laptop, or all at the sizes of the targets."""

from dataclasses import dataclass

LATENCY = 0.03  # Seconds; the other latency that is measured is none.


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int
    small_pages: int  # Of 550 items.
    large_pages: int  # Of 2,750 items.
    packages: int  # To classify.
    versions: int  # In the large table, two of each package.
    scan_pages: int  # Of the scan whose Redis and overhead are measured.
    long_run: int  # Leaves that two processes read while their memory is watched.
    end_to_end: tuple[tuple[str, float, int, int, int], ...]  # Catalog, latency, processes, in flight, pages.
    plain: tuple[int, ...]  # In flight.
    dlt: bool = False
    registry: float = 0.1  # Of nuget.org, for what reads a whole registry.


QUICK = Plan(
    1, 6, 4, 20_000, 20_000, 40, 10_000, (("small", 0.0, 2, 64, 6), ("large", LATENCY, 4, 64, 4)), (16,),
    registry=0.01,
)  # fmt: skip
DEFAULT = Plan(
    3, 12, 12, 100_000, 100_000, 200, 40_000,
    (
        ("small", 0.0, 1, 64, 6), ("small", 0.0, 2, 64, 12), ("small", 0.0, 4, 64, 12), ("small", LATENCY, 4, 64, 12),
        ("large", LATENCY, 4, 20, 4), ("large", LATENCY, 4, 64, 8), ("large", LATENCY, 4, 128, 12),
    ),
    (16, 50),
)  # fmt: skip
FULL = Plan(
    3, 12, 16, 500_000, 1_000_000, 2_000, 200_000,
    (
        ("small", 0.0, 1, 64, 6), ("small", 0.0, 2, 64, 12), ("small", 0.0, 4, 64, 12),
        ("small", LATENCY, 1, 64, 12), ("small", LATENCY, 2, 64, 12), ("small", LATENCY, 4, 64, 12),
        ("small", LATENCY, 4, 128, 12),
        ("large", 0.0, 2, 64, 8), ("large", LATENCY, 2, 64, 8),
        ("large", LATENCY, 4, 20, 8), ("large", LATENCY, 4, 64, 16), ("large", LATENCY, 4, 128, 16),
    ),
    (16, 20, 50, 64), dlt=True, registry=1.0,
)  # fmt: skip
