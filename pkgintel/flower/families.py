"""The metrics of one look, in Prometheus' words."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from pkgintel.flower.look import Look
from pkgintel.pipeline.checks import SOURCES
from pkgintel.reports.assets import Asset
from pkgintel.reports.changes import ChangeCount
from pkgintel.reports.crew import UNKNOWN, Crew
from pkgintel.reports.gates import Check
from pkgintel.reports.schedules import DueTick
from pkgintel.reports.status import Status
from pkgintel.reports.totals import RunCount, Totals


def families(found: Look) -> Iterator[Metric]:
    """Every metric of a look."""
    report = found.report
    yield _gauge("up", "Whether Postgres could be asked.", report is not None)
    yield from _crew(found.crew)
    yield _gauge("look_duration_seconds", "How long it took to measure all this.", found.seconds)
    if report is None or found.totals is None:
        return
    now = report.as_of.timestamp()
    yield _gauge(
        "healthy", "Whether `pkgintel status` says healthy (workers and queues not looked at).", report.healthy
    )
    yield from _catalog(report, now)
    yield from _assets(report)
    yield from _known(report)
    yield from _work(found.totals)
    yield from _runs(report, found.totals.runs)
    yield from _changes(found.totals.changes)
    yield from _checks(report.checks)
    yield from _schedules(report.schedules)


def _crew(crew: Crew) -> Iterator[Metric]:
    known = crew.workers != UNKNOWN and crew.queues != UNKNOWN
    yield _gauge("broker_up", "Whether Redis could be asked.", known)
    if crew.workers == UNKNOWN or crew.queues == UNKNOWN:
        return
    yield _gauge("workers", "Workers that answer when they are asked.", len(crew.workers))
    waiting = (((name,), length) for name, length in crew.queues.items())
    yield _gauges("queue_length", "Tasks waiting in a queue.", ("queue",), waiting)
    strays = CounterMetricFamily("pkgintel_strays", "Messages set aside, for they were no tasks.")
    strays.add_metric([], crew.strays.count)
    yield strays


def _catalog(report: Status, now: float) -> Iterator[Metric]:
    watermark = report.watermark
    if watermark is not None:
        yield _gauge("watermark_timestamp_seconds", "The catalog is stored up to this commit.", watermark.timestamp())
        yield _gauge("watermark_age_seconds", "Now minus the watermark.", max(0.0, now - watermark.timestamp()))
    if report.lag_seconds is not None:
        help_ = "The newest commit that the last look at the catalog found, minus the watermark."
        yield _gauge("catalog_lag_seconds", help_, report.lag_seconds)
    yield _gauge("rejected_leaves", "Rejected leaves that nobody has resolved.", report.rejected_leaves)
    if report.upkeep.checked_at:
        help_ = "When upkeep, recorded every minute, last came through."
        yield _gauge("upkeep_timestamp_seconds", help_, report.upkeep.checked_at.timestamp())
    counts = report.verdicts.items()
    yield _gauges("verdicts", "Packages by verdict.", ("verdict",), (((name,), told.packages) for name, told in counts))


def _assets(report: Status) -> Iterator[Metric]:
    def of(name: str, help_: str, value: Callable[[Asset], float | None]) -> Metric:
        values = (((asset,), value(facts)) for asset, facts in report.assets.items())
        return _gauges(f"asset_{name}", help_, ("asset",), values)

    yield of("rows", "Rows stored (estimated where they are many).", lambda asset: asset.rows)
    help_ = "When the asset was last brought up to date; nothing new counts."
    yield of("last_success_timestamp_seconds", help_, lambda asset: _stamp(asset.last_success))
    yield of("stale_after_seconds", "The age at which it counts as stale.", lambda asset: asset.threshold_seconds)
    yield of("fresh", "Whether it is younger than that.", lambda asset: asset.fresh)
    due = {asset: report.due(asset) for asset in report.assets}
    help_ = "Whether a schedule behind it has been enabled for longer than that, so that it should be fresh."
    yield _gauges("asset_due", help_, ("asset",), (((asset,), told) for asset, told in due.items()))
    yield of("blocked", "Whether a closed gate keeps it from being updated.", lambda asset: asset.blocked)


def _known(report: Status) -> Iterator[Metric]:
    versions, packages = report.versions, report.packages
    states = {"read": versions.read, "unread": versions.unread}
    help_ = "Versions that are known, by whether they are read (estimated where they are many)."
    yield _gauges("versions", help_, ("state",), (((state,), count) for state, count in states.items()))
    states = {"known": packages.known, "judged": packages.judged, "unread": packages.unread}
    help_ = "Packages that are known, that have a verdict, and whose speaker was never certain yet."
    yield _gauges("packages", help_, ("state",), (((state,), count) for state, count in states.items()))


def _work(totals: Totals) -> Iterator[Metric]:
    done = totals.outcomes
    for what, outcomes in (
        ("pages", {"done": done.pages_done, "failed": done.pages_failed}),
        ("leaves", {"stored": done.leaves_stored, "rejected": done.leaves_rejected}),
    ):
        family = CounterMetricFamily(
            f"pkgintel_{what}", f"{what.capitalize()} of all runs by outcome.", labels=["outcome"]
        )
        for outcome, number in outcomes.items():
            family.add_metric([outcome], number)
        yield family
    family = CounterMetricFamily("pkgintel_http_answers", "What upstream servers answered.", labels=["kind"])
    for row in totals.answers:
        family.add_metric([row.kind], row.answers)
    yield family


def _runs(report: Status, runs: Iterable[RunCount]) -> Iterator[Metric]:
    # A gauge, for a run that is done may be blocked by its gate a moment later.
    yield _gauges(
        "runs",
        "Runs recorded, by state.",
        ("source", "action", "state"),
        (((row.source, row.action, row.state), row.runs) for row in runs),
    )
    bad = {run.source: run.bad for run in report.outcomes}
    yield _gauges(
        "last_run_bad",
        "Whether the last run of a source failed, was blocked or lost.",
        ("source",),
        (((source,), bad.get(source, False)) for source in SOURCES.values()),
    )
    running = [*report.running, *report.replays]
    yield _gauges(
        "running_pages",
        "Pages of a run in progress.",
        ("run", "source", "action", "state"),
        (
            ((str(run.id), run.source, run.action, state), pages)
            for run in running
            for state, pages in (("done", run.pages_done), ("failed", run.pages_failed), ("left", run.pages_left))
        ),
    )
    yield _gauges(
        "running_silent_seconds",
        "How long ago a run in progress gave a sign of life.",
        ("run", "source", "action"),
        (((str(run.id), run.source, run.action), run.silent_seconds) for run in running),
    )


def _changes(changes: Iterable[ChangeCount]) -> Iterator[Metric]:
    known = list(changes)
    for kind, help_ in (
        ("license", "Changes of license ids or verdict between neighbouring versions that are known, by verdict."),
        ("verdict", "Changes of packages' verdicts recorded, by verdict."),
    ):
        counts = (((one.from_verdict, one.to_verdict), one.changes) for one in known if one.kind == kind)
        yield _gauges(f"{kind}_changes", help_, ("from", "to"), counts)
    texts = sum(one.changes for one in known if one.kind == "text")
    yield _gauge("text_changes", "Changes of the license texts that packages rest on, whatever their verdicts.", texts)


def _checks(checks: Iterable[Check]) -> Iterator[Metric]:
    def of(name: str, help_: str, value: Callable[[Check], float | None]) -> Metric:
        labels = ((check, (check.name, check.gate, "true" if check.blocking else "false")) for check in checks)
        values = ((label, value(check)) for check, label in labels)
        return _gauges(f"check_{name}", help_, ("check", "gate", "blocking"), values)

    yield of("value", "What a check measured last.", lambda check: check.value)
    yield of("threshold", "Where it begins to fail.", lambda check: check.threshold)
    yield of("passed", "Whether it passed.", lambda check: check.passed)


def _schedules(ticks: Mapping[str, DueTick]) -> Iterator[Metric]:
    def of(name: str, help_: str, value: Callable[[DueTick], float | None]) -> Metric:
        values = (((name,), value(tick)) for name, tick in ticks.items())
        return _gauges(f"schedule_{name}", help_, ("schedule",), values)

    yield of("enabled", "Whether an operator enabled the tick.", lambda tick: tick.enabled)
    yield of("last_tick_timestamp_seconds", "When the tick last came.", lambda tick: _stamp(tick.last_tick))
    yield of("next_tick_timestamp_seconds", "When it comes next.", lambda tick: _stamp(tick.next_tick))
    yield of("late_seconds", "How long it has been due without coming.", lambda tick: tick.late_seconds)


def _stamp(when: datetime | None) -> float | None:
    return None if when is None else when.timestamp()


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
