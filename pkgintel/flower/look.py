"""What the metrics say, as of one moment: Postgres is asked, and what the crew last answered."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from pkgintel.errors import PkgintelError
from pkgintel.flower.rollcall import ask
from pkgintel.reports import status, totals
from pkgintel.reports.crew import NOT_ASKED, Crew
from pkgintel.reports.reading import reading
from pkgintel.reports.status import Status
from pkgintel.reports.totals import Totals
from pkgintel.runtime import process

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """What is known at one moment; `report` and `totals` are None where Postgres could not be asked."""

    report: Status | None = None
    totals: Totals | None = None
    crew: Crew = NOT_ASKED
    seconds: float = 0.0


def look(crew: Callable[[], Crew] = ask) -> Look:
    """Ask Postgres now, and `crew`. Never raises what was foreseen: a database that is down is an answer too."""
    begun = time.monotonic()
    answers = crew()
    try:
        settings = process.current().deployment
        with reading(settings) as conn:
            report, sums = status.report(conn, settings), totals.of(conn)
    except (PkgintelError, psycopg.Error, OSError) as error:
        log.warning("the metrics cannot be measured: %s", error)
        return Look(crew=answers, seconds=time.monotonic() - begun)
    return Look(report, sums, answers, time.monotonic() - begun)
