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
    strays: int = 0
    seconds: float = 0.0


def look() -> Look:
    """Ask Postgres and Redis now. Never raises what was foreseen: a database that is down is an answer too."""
    begun = time.monotonic()
    queues, strays = None, 0
    try:
        settings = process.current().deployment
        queues, strays = _queues(settings)
        with reading(settings) as conn:
            report, sums = status.report(conn, settings), totals.of(conn)
    except (PkgintelError, psycopg.Error, OSError) as error:
        log.warning("the metrics cannot be measured: %s", error)
        return Look(queues=queues, strays=strays, seconds=time.monotonic() - begun)
    return Look(report, sums, queues, strays, time.monotonic() - begun)


def _queues(settings: Deployment) -> tuple[dict[str, int] | None, int]:
    """Tasks waiting in each queue, None where Redis does not answer, and how many messages were none."""
    try:
        return crew.queue_lengths(settings), crew.set_aside(settings).count
    except (redis.RedisError, OSError):
        return None, 0
