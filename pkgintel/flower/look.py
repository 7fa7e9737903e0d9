"""What the metrics say, as of one moment: Postgres and the queues are asked."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
import redis

from pkgintel.errors import PkgintelError
from pkgintel.reports import crew, status, totals
from pkgintel.reports.reading import reading
from pkgintel.reports.status import Status
from pkgintel.reports.totals import Totals
from pkgintel.runtime import process
from pkgintel.settings import Deployment

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """What is known at one moment; `report` and `totals` are None where Postgres could not be asked."""

    report: Status | None = None
    totals: Totals | None = None
    queues: Mapping[str, int] | None = None
    seconds: float = 0.0


def look() -> Look:
    """Ask Postgres and Redis now. Never raises what was foreseen: a database that is down is an answer too."""
    begun = time.monotonic()
    queues = None
    try:
        settings = process.current().deployment
        queues = _queues(settings)
        with reading(settings) as conn:
            report, sums = status.report(conn, settings), totals.of(conn)
    except (PkgintelError, psycopg.Error, OSError) as error:
        log.warning("the metrics cannot be measured: %s", error)
        return Look(queues=queues, seconds=time.monotonic() - begun)
    return Look(report, sums, queues, time.monotonic() - begun)


def _queues(settings: Deployment) -> dict[str, int] | None:
    try:
        return crew.queue_lengths(settings)
    except (redis.RedisError, OSError):
        return None
