"""Our metrics, beside Flower's own on its /metrics.

A look is taken off Flower's loop and kept for a few seconds; collecting only shows the last one. Where Postgres does
not answer, `pkgintel_up` is 0 and the rest is absent.
"""

from collections.abc import Callable, Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from pkgintel.flower.families import families
from pkgintel.flower.look import Look, look
from pkgintel.reports.reading import NewestAnswer

KEPT = 3.0  # Seconds that a look serves every scrape.
TOO_OLD = 60.0  # Seconds after which a look is shown no longer.


class PkgintelCollector(Collector):
    """Shows the last look. `refresh` takes one, and blocks; `collect` never does."""

    def __init__(self, ask: Callable[[], Look] = look) -> None:
        self._kept = NewestAnswer(ask, KEPT)

    def refresh(self) -> None:
        """Look again if the last look is old."""
        self._kept.get()

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks nobody."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The metrics of the last look."""
        return families(self._kept.last(TOO_OLD) or Look())
