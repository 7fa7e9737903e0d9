"""Is it healthy, what is it doing, what must I do. Postgres alone is enough to answer.

Freshness is reckoned at the moment of asking, never read from recorded checks: were beat and all workers dead, those
would look fresh for ever. Workers and queues are asked for separately (`crew`), and may be unknown.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pkgintel import database
from pkgintel.nuget.instant import iso
from pkgintel.pipeline import checks
from pkgintel.pipeline.checks import GATES, SOURCES, VERDICTS
from pkgintel.reports import diagnosis
from pkgintel.reports.diagnosis import UNKNOWN
from pkgintel.runtime import broker
from pkgintel.settings import Deployment, Settings

COUNTED = 200_000  # Tables of more rows are estimated, so that asking never grows slow.
LAST_RUNS = 8
EXAMPLES = 3
LOCK_WAITS_OVER = 1.0  # Seconds: shorter ones are what parallel pages do to each other.


def report(conn: database.Connection, settings: Deployment, crew: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Everything `pkgintel status --json` says, ready for JSON. `crew` is what `crew()` found, where it was asked."""
    with conn.transaction():
        catalog = database.one(conn, "events/name")
        assets = database.every(conn, "reports/status/assets", counted=COUNTED)
        lag = database.one(conn, "reports/status/lag") or {}
        running = [_run(row, settings) for row in database.every(conn, "reports/status/running")]
        found: dict[str, Any] = {
            "healthy": False,
            "as_of": iso(datetime.now(UTC)),
            "catalog": catalog["name"] if catalog else None,
            "database": database.place(settings.database_url),
            "unhealthy_because": [],
            "notes": [],
            "assets": {},
            "watermark": iso(lag["watermark"]),
            "lag_seconds": lag["lag_seconds"],
            "lag_looked_at": iso(lag["looked_at"]),
            "newest_upstream_commit": iso(lag["newest"]),
            "run": next((run for run in running if run["action"] != "replay"), None),
            "running": [run for run in running if run["action"] != "replay"],
            "replays": [run for run in running if run["action"] == "replay"],
            "last_runs": [_stamped(row) for row in database.every(conn, "reports/status/last_runs", most=LAST_RUNS)],
            "outcomes": [
                _stamped(row) for row in database.every(conn, "reports/status/outcomes", sources=list(SOURCES.values()))
            ],
            "unsettled": [row["id"] for row in database.every(conn, "runs/unsettled", lost_after=settings.lost_after)],
            "checks": _checks(conn, settings, {row["name"]: row["age_seconds"] for row in assets}),
            "lock_waits": [
                _stamped(row)
                for row in database.every(conn, "reports/status/lock_waits", over=LOCK_WAITS_OVER, most=LAST_RUNS)
            ],
            **_rejected(conn),
            "verdicts": _verdicts(conn, next(row for row in assets if row["name"] == VERDICTS)),
            "schedules": _schedules(conn),
            "upkeep": _stamped(
                database.one(conn, "reports/status/upkeep", check=f"{checks.PACKAGES}_fresh")
                or {"checked_at": None, "age_seconds": None}
            ),
            **(crew or {"workers": UNKNOWN, "queues": UNKNOWN, "crew_unknown_because": "not asked"}),
        }
    found["assets"] = _assets(assets, found)
    found["unhealthy_because"] = diagnosis.because(found, settings)
    found["notes"] = diagnosis.notes(found) if found["last_runs"] or found["running"] else []
    found["healthy"] = not found["unhealthy_because"]
    return found


def crew(settings: Deployment, timeout: float = 1.0) -> dict[str, Any]:
    """The workers that answer and the length of each queue, or "unknown" where Redis does not answer. Never raises."""
    import redis

    from pkgintel.celery import app

    try:
        with redis.Redis.from_url(settings.redis_url, socket_connect_timeout=timeout, socket_timeout=timeout) as client:
            queues = {queue.name: int(client.llen(queue.name)) for queue in app.conf.task_queues}
        answers = app.control.inspect(timeout=timeout).stats() or {}
    except Exception as error:  # noqa: BLE001  Whatever stands between us and Redis, the rest of the screen is true.
        because = f"Redis does not answer: {broker.because(settings.redis_url, error)}"
        return {"workers": UNKNOWN, "queues": UNKNOWN, "crew_unknown_because": because}
    workers = [
        {"name": name, "processes": stats.get("pool", {}).get("max-concurrency")}
        for name, stats in sorted(answers.items())
    ]
    return {"workers": workers, "queues": queues}


def _stamped(row: database.Row) -> dict[str, Any]:
    """A row as JSON has it."""
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in row.items()}


def _run(row: database.Row, settings: Settings) -> dict[str, Any]:
    """A run in progress, with its rate and the time it still needs at that rate."""
    run = _stamped(row)
    share, seconds = float(run.pop("pages_share") or 0.0), row["seconds"]
    run["leaves"], run["rejected"] = int(row["leaves"]), int(row["rejected"])
    run["pages_left"] = max(0, row["pages_total"] - row["pages_done"] - row["pages_failed"])
    run["rate"] = round(run["leaves"] / seconds, 1) if seconds > 0 else 0.0
    run["lost"] = row["silent_seconds"] > settings.lost_after
    run["seconds_left"] = round(seconds * (1 - share) / share) if share > 0 and not run["lost"] else None
    return run


def _checks(conn: database.Connection, settings: Settings, ages: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """The newest result of each check; freshness as it is now."""
    defined = [check for name in GATES for check in checks.of_gate(name, settings)]
    fresh = {check.name: check.judge(ages[check.gate]) for check in defined if check.statement == "age"}
    names = [check.name for check in defined if check.name not in fresh] + [checks.REJECT_LIMIT_CHECK]
    bounds = {check.name: check.bound for check in defined} | {checks.REJECT_LIMIT_CHECK: "at most"}
    keys = ("name", "gate", "blocking", "passed", "value", "threshold", "message", "run_id", "checked_at")
    rows = [{key: row[key] for key in keys} for row in database.every(conn, "checks/latest", names=names)]
    now = datetime.now(UTC)
    rows += [{key: getattr(result, key, None) for key in keys} | {"checked_at": now} for result in fresh.values()]
    return [_stamped(row) | {"bound": bounds[row["name"]]} for row in rows]


def _rejected(conn: database.Connection) -> dict[str, Any]:
    rows = database.every(conn, "reports/status/rejected", most=EXAMPLES)
    return {
        "rejected_leaves": rows[0]["total"] if rows else 0,
        "rejected_examples": [_stamped({key: row[key] for key in row if key != "total"}) for row in rows],
    }


def _verdicts(conn: database.Connection, asset: database.Row) -> dict[str, dict[str, Any]]:
    """Packages and share of each verdict, from a sample where the table is large."""
    percent = 100.0 if asset["exact"] else 100.0 * COUNTED / 4 / asset["rows"]
    rows = {row["verdict"]: row["packages"] for row in database.every(conn, "reports/status/verdicts", percent=percent)}
    seen = sum(rows.values())
    return {
        verdict: {
            "packages": round(rows.get(verdict, 0) * (1 if asset["exact"] else asset["rows"] / max(1, seen))),
            "share": rows.get(verdict, 0) / seen if seen else 0.0,
        }
        for verdict in ("open_source", "proprietary", "unknown")
    }


def _schedules(conn: database.Connection) -> dict[str, dict[str, Any]]:
    """The ticks, each with the seconds that it is late: due since it last came, or since it was enabled."""
    from pkgintel.celery import app
    from pkgintel.tasks import beat  # Slow to import: it brings the clock.

    ticks = beat.describe(conn)
    for name, tick in ticks.items():
        since = max(datetime.fromisoformat(stamp) for stamp in (tick["last_tick"], tick["changed_at"]) if stamp)
        left = app.conf.beat_schedule[name]["schedule"].remaining_estimate(since).total_seconds()
        tick["late_seconds"] = max(0.0, -left) if tick["enabled"] else 0.0
    return ticks


def _assets(rows: list[database.Row], found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The three assets. What blocks one upstream keeps the classifier from running, so it blocks the verdicts too."""
    closed = {check["name"]: check for check in found["checks"] if check["blocking"] and not check["passed"]}
    assets = {}
    for row in rows:
        name, source = row["name"], row["source"]
        because = [check["message"] for check in closed.values() if name in (check["gate"], VERDICTS)]
        for run in found["outcomes"]:
            if run["source"] == source and run["state"] == "blocked" and not because:
                because.append(run["error"] or f"run {run['id']} is blocked")
        threshold = next(check for check in found["checks"] if check["name"] == f"{name}_fresh")
        assets[name] = {
            "rows": row["rows"],
            "rows_exact": row["exact"],
            "last_success": iso(row["last_success"]),
            "age_seconds": row["age_seconds"],
            "threshold_seconds": threshold["threshold"],
            "fresh": threshold["passed"],
            "blocked": bool(because),
            "blocked_because": because,
        }
    return assets
