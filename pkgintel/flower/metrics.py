"""Our metrics, beside Flower's own on its /metrics: what Postgres and the queues say, in Prometheus' words.

A look is taken off Flower's loop and kept for a few seconds; collecting only tells the last one. Where Postgres does
not answer, `pkgintel_up` is 0 and the rest is absent.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import psycopg
import redis
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pkgintel import database
from pkgintel.database import migrations
from pkgintel.errors import PkgintelError
from pkgintel.pipeline.checks import SOURCES
from pkgintel.reports import status
from pkgintel.runtime import process
from pkgintel.settings import Deployment

log = logging.getLogger(__name__)

KEPT = 5.0  # Seconds that a look serves every scrape.
TOO_OLD = 60.0  # Seconds after which a look is no longer told.
STATEMENT_TIMEOUT = 4000  # Milliseconds.

Looked = TypeVar("Looked")


class Kept(Generic[Looked]):
    """The newest answer of `ask`, asked again after `seconds`, by one thread while the others wait for it."""

    def __init__(self, ask: Callable[[], Looked], seconds: float) -> None:
        self._ask, self._seconds = ask, seconds
        self._lock = threading.Lock()
        self._answer: tuple[float, Looked] | None = None

    def get(self) -> Looked:
        """The answer, asked for now if the last one is old."""
        with self._lock:
            if self._answer is None or time.monotonic() - self._answer[0] > self._seconds:
                self._answer = None
                self._answer = (time.monotonic(), self._ask())
            return self._answer[1]

    def last(self, seconds: float) -> Looked | None:
        """The last answer, if it is younger than `seconds`; nobody is asked."""
        answer = self._answer
        return answer[1] if answer and time.monotonic() - answer[0] < seconds else None


@contextmanager
def reading(settings: Deployment) -> Iterator[database.Connection]:
    """A connection that only reads, whose statements cannot take long, to a database with the schema we know.

    Raises: ServiceUnavailable, SchemaBehind.
    """
    with database.connect(settings.database_url) as conn:
        conn.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT}")
        conn.execute("SET default_transaction_read_only = on")
        migrations.require_schema(conn)
        yield conn


def queue_lengths(settings: Deployment) -> dict[str, int] | None:
    """How many tasks wait in each queue, or None where Redis does not answer."""
    from pkgintel.celery import app

    names = [queue.name for queue in app.conf.task_queues]
    try:
        with redis.Redis.from_url(settings.redis_url, socket_connect_timeout=1, socket_timeout=1) as client:
            pipe = client.pipeline(transaction=False)
            for name in names:
                pipe.llen(name)
            return dict(zip(names, pipe.execute(), strict=True))
    except (redis.RedisError, OSError):
        return None


@dataclass(frozen=True, slots=True)
class Look:
    """What is known at one moment; `report` is None where Postgres could not be asked."""

    report: dict[str, Any] | None = None
    queues: dict[str, int] | None = None
    outcomes: Mapping[str, int] = field(default_factory=dict)
    runs: tuple[Mapping[str, Any], ...] = ()
    answers: tuple[Mapping[str, Any], ...] = ()
    seconds: float = 0.0


def look() -> Look:
    """Ask Postgres and Redis now. Never raises what was foreseen: a database that is down is an answer too."""
    begun = time.monotonic()
    queues = None
    try:
        settings = process.current().deployment
        queues = queue_lengths(settings)
        with reading(settings) as conn:
            report = status.report(conn, settings)
            outcomes = database.one(conn, "reports/metrics/outcomes") or {}
            runs = tuple(database.every(conn, "reports/metrics/runs_by_state"))
            answers = tuple(database.every(conn, "reports/metrics/http_answers"))
    except (PkgintelError, psycopg.Error, OSError) as error:
        log.warning("the metrics cannot be measured: %s", error)
        return Look(queues=queues, seconds=time.monotonic() - begun)
    return Look(report, queues, outcomes, runs, answers, time.monotonic() - begun)


class PkgintelCollector(Collector):
    """Tells the last look. `refresh` takes one, and blocks; `collect` never does."""

    def __init__(self, ask: Callable[[], Look] = look) -> None:
        self._kept = Kept(ask, KEPT)

    def refresh(self) -> None:
        """Look again if the last look is old."""
        self._kept.get()

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks nobody."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The metrics of the last look."""
        return families(self._kept.last(TOO_OLD) or Look())


def families(found: Look) -> Iterator[Metric]:
    """Every metric of a look."""
    report = found.report
    yield _gauge("up", "Whether Postgres could be asked.", report is not None)
    yield _gauge("broker_up", "Whether Redis could be asked.", found.queues is not None)
    yield _gauge("look_duration_seconds", "How long it took to measure all this.", found.seconds)
    if found.queues is not None:
        yield _gauges(
            "queue_length", "Tasks waiting in a queue.", ("queue",), (((k,), v) for k, v in found.queues.items())
        )
    if report is None:
        return
    now = _seconds(report["as_of"])
    yield _gauge(
        "healthy", "Whether `pkgintel status` says healthy (workers and queues not looked at).", report["healthy"]
    )
    yield from _catalog(report, now)
    yield from _assets(report)
    yield from _work(found)
    yield from _runs(report, found.runs)
    yield from _checks(report["checks"])
    yield from _schedules(report["schedules"])


def _catalog(report: Mapping[str, Any], now: float) -> Iterator[Metric]:
    watermark = report["watermark"]
    if watermark is not None:
        yield _gauge("watermark_timestamp_seconds", "The catalog is stored up to this commit.", _seconds(watermark))
        yield _gauge("watermark_age_seconds", "Now minus the watermark.", max(0.0, now - _seconds(watermark)))
    if report["lag_seconds"] is not None:
        help_ = "The newest commit that the last look at the catalog found, minus the watermark."
        yield _gauge("catalog_lag_seconds", help_, report["lag_seconds"])
    yield _gauge("rejected_leaves", "Rejected leaves that nobody has resolved.", report["rejected_leaves"])
    if report["upkeep"]["checked_at"]:
        help_ = "When upkeep, due every minute, last came through."
        yield _gauge("upkeep_timestamp_seconds", help_, _seconds(report["upkeep"]["checked_at"]))
    counts = report["verdicts"].items()
    yield _gauges(
        "verdicts", "Packages by verdict.", ("verdict",), (((name,), told["packages"]) for name, told in counts)
    )


def _assets(report: Mapping[str, Any]) -> Iterator[Metric]:
    def of(name: str, help_: str, value: Callable[[Mapping[str, Any]], float | None]) -> Metric:
        told = ((asset, value(facts)) for asset, facts in report["assets"].items())
        return _gauges(f"asset_{name}", help_, ("asset",), (((asset,), v) for asset, v in told if v is not None))

    yield of("rows", "Rows stored (estimated where they are many).", lambda asset: asset["rows"])
    yield of(
        "last_success_timestamp_seconds",
        "When the asset was last brought up to date; nothing new counts.",
        lambda asset: _seconds(asset["last_success"]) if asset["last_success"] else None,
    )
    yield of("stale_after_seconds", "The age at which it counts as stale.", lambda asset: asset["threshold_seconds"])
    yield of("fresh", "Whether it is younger than that.", lambda asset: asset["fresh"])
    yield of("blocked", "Whether a closed gate keeps it from being updated.", lambda asset: asset["blocked"])


def _work(found: Look) -> Iterator[Metric]:
    for what, outcomes in (("pages", ("done", "failed")), ("leaves", ("stored", "rejected"))):
        family = CounterMetricFamily(
            f"pkgintel_{what}", f"{what.capitalize()} of all runs by outcome.", labels=["outcome"]
        )
        for outcome in outcomes:
            family.add_metric([outcome], found.outcomes[f"{what}_{outcome}"])
        yield family
    family = CounterMetricFamily("pkgintel_http_answers", "What upstream servers answered.", labels=["kind"])
    for row in found.answers:
        family.add_metric([row["kind"]], row["answers"])
    yield family


def _runs(report: Mapping[str, Any], runs: Iterable[Mapping[str, Any]]) -> Iterator[Metric]:
    labels = ("source", "action", "state")
    # A gauge, for a run that is done may be blocked by its gate a moment later.
    yield _gauges(
        "runs", "Runs recorded, by state.", labels, ((tuple(row[name] for name in labels), row["runs"]) for row in runs)
    )
    bad = {run["source"]: run["state"] in ("failed", "blocked", "lost") for run in report["outcomes"]}
    yield _gauges(
        "last_run_bad",
        "Whether the last run of a source failed, was blocked or lost.",
        ("source",),
        (((source,), bad.get(source, False)) for source in SOURCES.values()),
    )
    running = [*report["running"], *report["replays"]]
    yield _gauges(
        "running_pages",
        "Pages of a run in progress.",
        ("run", "source", "action", "state"),
        (
            ((str(run["id"]), run["source"], run["action"], state), run[f"pages_{state}"])
            for run in running
            for state in ("done", "failed", "left")
        ),
    )
    yield _gauges(
        "running_silent_seconds",
        "How long ago a run in progress gave a sign of life.",
        ("run", "source", "action"),
        (((str(run["id"]), run["source"], run["action"]), run["silent_seconds"]) for run in running),
    )


def _checks(checks: Iterable[Mapping[str, Any]]) -> Iterator[Metric]:
    for name, help_, key in (
        ("check_value", "What a check measured last.", "value"),
        ("check_threshold", "Where it begins to fail.", "threshold"),
        ("check_passed", "Whether it passed.", "passed"),
    ):
        yield _gauges(
            name,
            help_,
            ("check", "gate", "blocking"),
            (
                ((check["name"], check["gate"], "true" if check["blocking"] else "false"), check[key])
                for check in checks
                if check[key] is not None
            ),
        )


def _schedules(ticks: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    def of(name: str, help_: str, key: str) -> Metric:
        told = ((tick, facts[key]) for tick, facts in ticks.items() if facts[key] is not None)
        return _gauges(
            f"schedule_{name}",
            help_,
            ("schedule",),
            (((tick,), _seconds(value) if isinstance(value, str) else value) for tick, value in told),
        )

    yield of("enabled", "Whether an operator enabled the tick.", "enabled")
    yield of("last_tick_timestamp_seconds", "When the tick last came.", "last_tick")
    yield of("next_tick_timestamp_seconds", "When it comes next.", "next_tick")
    yield of("late_seconds", "How long it has been due without coming.", "late_seconds")


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).astimezone(UTC).timestamp()


def _gauge(name: str, help_: str, value: float) -> Metric:
    return _gauges(name, help_, (), [((), value)])


def _gauges(
    name: str, help_: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float | None]]
) -> Metric:
    family = GaugeMetricFamily(f"pkgintel_{name}", help_, labels=labels)
    for label, value in values:
        if value is not None:
            family.add_metric(label, float(value))
    return family
