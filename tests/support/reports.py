"""A database in which all is well, runs of any kind in it, and what status says of them."""

from typing import Any

import pytest
from rich.console import Console

from pkgintel import database
from pkgintel.cli.status_screen import screen
from pkgintel.pipeline import checks, gate
from pkgintel.pipeline.checks import Result
from pkgintel.reports import status
from pkgintel.reports.crew import NOT_ASKED, Crew
from pkgintel.reports.status import Status
from pkgintel.settings import Deployment
from tests.support.catalogs import details
from tests.support.stored import claim, judge, take


def run_of(conn: database.Connection, source: str, state: str = "done", ago: float = 60, **columns: Any) -> int:
    """A run that ended `ago` seconds back (or is running since then), with everything behind it settled."""
    action = {"nuget": "scan", "spdx": "sync", "verdicts": "classify", "texts": "fetch"}[source]
    values = {"source": source, "action": action, "kind": "manual", "state": state} | columns
    names = ", ".join(values)
    marks = ", ".join(f"%({name})s" for name in values)
    times = "now() - make_interval(secs => %(ago)s)"
    finished = "NULL" if state == "running" else times
    row = conn.execute(
        f"INSERT INTO ops.runs ({names}, started_at, finished_at, settled_at) "  # noqa: S608
        f"VALUES ({marks}, {times}, {finished}, {times}) RETURNING id",
        values | {"ago": ago},
    ).fetchone()
    assert row is not None
    return int(row["id"])


@pytest.fixture
def healthy(conn: database.Connection, settings: Deployment) -> database.Connection:
    """A database after one good pass of everything: one package, one verdict, every check measured."""
    claim(conn)
    take(conn, details("Acme", "1.0.0", 10_000_000, licenseExpression="MIT"))
    judge(conn, settings)
    conn.execute(
        "INSERT INTO ops.watermarks (source, watermark_ticks, origin_ticks) VALUES ('nuget', 17145216000000000, 0)"
    )
    for source in ("spdx", "nuget", "verdicts"):
        run_of(conn, source)
    conn.execute("UPDATE ops.runs SET newest_ticks = 17145216300000000 WHERE source = 'nuget'")
    gate.record(
        conn,
        [
            Result(result.name, result.gate, result.blocking, True, result.value, result.threshold, result.message)
            for name in checks.ASSETS
            for result in gate.measure(conn, settings, name)
        ],
        None,
    )
    return conn


def report(conn: database.Connection, settings: Deployment, asked: Crew | dict[str, Any] = NOT_ASKED) -> dict[str, Any]:
    """What `pkgintel status --json` prints, where the crew answered as `asked`."""
    crew = asked if isinstance(asked, Crew) else Crew.model_validate(asked)
    return status.report(conn, settings, crew).as_json()


def shown(found: dict[str, Any], width: int = 80) -> str:
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(screen(Status.model_validate(found)))
    text = capture.get()
    assert max(map(len, text.splitlines())) <= width
    return text


def because(found: dict[str, Any]) -> str:
    """Why it is not healthy, in one line."""
    assert found["healthy"] is False
    return " ".join(found["unhealthy_because"])
