"""`pkgintel watermark`: a watermark that cannot be, seen, told and brought back; and rows that could not be read."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from pkgintel import database as db
from pkgintel.cli import pkgintel
from pkgintel.database import migrations
from pkgintel.errors import GateFailed, SettingsError
from pkgintel.local.services import Services
from pkgintel.pipeline import gate, watermark
from pkgintel.pipeline import runs as ledger
from pkgintel.pipeline.checks import PACKAGES, WATERMARK_CHECK
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.reports import runs, status
from pkgintel.reports.watermark import shown as stored
from pkgintel.settings import Settings
from pkgintel.tasks import recovery
from tests.support.catalogs import ZERO, Catalog, details
from tests.support.databases import fresh_database
from tests.support.oracle import ticks
from tests.support.scans import Bench, open_scan

DAY = 864_000_000_000
YEAR_2199 = ticks("2199-01-01T00:00:00Z")


@pytest.fixture
def bench(conn: db.Connection, settings: Settings) -> Iterator[Bench]:
    made = Bench(conn, settings, Catalog())
    yield made
    made.close()


def tell(*words: str) -> Result:
    """What the command prints; its errors are raised, as they are above the main function."""
    return CliRunner().invoke(pkgintel, ["watermark", *words], catch_exceptions=False, standalone_mode=False)


def shown() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tell("show", "--json").stdout)
    return found


def put(conn: db.Connection, watermark_ticks: int, origin: int = ZERO - DAY) -> None:
    """A watermark as an earlier release may have moved it."""
    conn.execute("DELETE FROM ops.watermarks")
    conn.execute("INSERT INTO ops.watermarks VALUES ('nuget', %s, %s)", (watermark_ticks, origin))


def test_a_watermark_of_the_future_is_told_and_brought_back_without_a_loss(bench: Bench) -> None:
    bench.catalog.add("page0", details("A", "1.0.0", 0), details("B", "1.0.0", 9))
    bench.catalog.publish()
    bench.chain()
    bench.conn.execute("UPDATE ops.watermarks SET watermark_ticks = %s", (YEAR_2199,))
    bench.catalog.add("page1", details("C", "1.0.0", 20))
    bench.catalog.publish()
    with pytest.raises(GateFailed, match=f"{WATERMARK_CHECK}: the watermark lies [0-9]+ s ahead of the clock") as error:
        bench.open()
    ledger.end(bench.conn, bench.runs()[-1]["id"], State.FAILED, error=str(error.value))
    found = status.report(bench.conn, bench.settings).as_json()
    assert not found["healthy"]
    assert [one for one in found["unhealthy_because"] if "pkgintel watermark reset" in one]
    with pytest.raises(GateFailed, match=WATERMARK_CHECK):
        gate.hold(bench.conn, bench.settings, PACKAGES, None)

    told = tell("reset", "--to", "2024-05-01", "--why", "the index said 2199")
    assert "the watermark is 2024-05-01T00:00:00Z (it was 2199-01-01T00:00:00Z)" in told.stdout
    assert gate.closed(bench.conn, bench.settings) == []
    bench.catalog.asked.clear()
    bench.chain()
    assert bench.differences() == []
    assert bench.watermark() == ZERO + 20
    fetched = [path for path in bench.catalog.asked if path.startswith("/data/")]
    assert fetched == [bench.catalog.path(details("C", "1.0.0", 20).url)], "what is stored is not fetched again"
    [reset] = shown()["resets"]
    assert (reset["from"], reset["to"], reset["why"]) == (
        "2199-01-01T00:00:00Z",
        "2024-05-01T00:00:00Z",
        "the index said 2199",
    )
    assert reset["reset_by"]
    assert "the index said 2199" in tell("show").stdout


def test_an_origin_behind_the_reset_comes_back_too(bench: Bench) -> None:
    """A database that began at a wrong time: nothing before its origin is ever read."""
    put(bench.conn, YEAR_2199, origin=YEAR_2199 - DAY)
    bench.catalog.add("page0", details("A", "1.0.0", 5))
    bench.catalog.publish()
    tell("reset", "--to", "2024-05-01T00:00:00Z", "--why", "a test says so")
    bench.chain()
    assert bench.differences() == []
    assert shown()["origin"] == "2024-05-01T00:00:00Z"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--to", "soon", "--why", "x"), "'soon' is no time"),
        (("--to", "2024-05-01", "--why", " "), "needs a reason"),
        (("--to", "2198-01-01", "--why", "x"), "no time between the year 1 and now"),
        (("--to", "9999-12-31T23:59:59.9999999Z", "--why", "x"), "no time between the year 1 and now"),
        (("--to", "2024-05-03", "--why", "x"), "only ever brought back"),
    ],
)
def test_a_reset_that_is_wrong_says_why_and_changes_nothing(
    bench: Bench, arguments: tuple[str, ...], says: str
) -> None:
    put(bench.conn, ZERO + DAY)
    with pytest.raises(SettingsError, match=says) as error:
        tell("reset", *arguments)
    assert error.value.exit_code == 2
    assert bench.watermark() == ZERO + DAY
    assert shown()["resets"] == []


def test_nothing_is_brought_back_while_a_scan_runs_or_nothing_is_stored(bench: Bench) -> None:
    with pytest.raises(SettingsError, match="Nothing is stored yet"):
        tell("reset", "--to", "2024-05-01", "--why", "x")
    assert shown()["watermark"] is None
    assert "Nothing is stored yet" in tell("show").stdout
    put(bench.conn, ZERO + DAY)
    run_id = open_scan(bench.conn, bench.settings)
    with pytest.raises(SettingsError, match=f"Run {run_id} is in progress"):
        tell("reset", "--to", "2024-05-01", "--why", "x")
    assert bench.watermark() == ZERO + DAY
    aborted = CliRunner().invoke(pkgintel, ["runs", "abort", str(run_id), "--why", "as it was advised"])
    assert aborted.exit_code == 0, aborted.output
    tell("reset", "--to", "2024-05-01", "--why", "x")
    assert bench.watermark() == ZERO


def test_a_scan_that_began_before_a_reset_does_not_move_the_watermark_over_it(bench: Bench) -> None:
    put(bench.conn, ZERO)
    bench.catalog.add("page0", details("A", "1.0.0", 5))
    bench.catalog.publish()
    opened = bench.open()
    assert opened is not None
    for url in opened.pages:
        bench.read(opened.run_id, url)
    bench.conn.execute("UPDATE ops.watermarks SET watermark_ticks = %s", (ZERO - 5,))
    with pytest.raises(Exception, match="the watermark moved while this run was under way"):
        bench.finish(opened.run_id)
    assert bench.watermark() == ZERO - 5
    bench.chain()
    assert bench.differences() == []


# --- rows that could not be read -------------------------------------------------------------------------------------

LAST_MOMENT = 2_534_023_007_999_999_999  # 9999-12-31T23:59:59.9999999Z
BEYOND = """
    INSERT INTO ops.watermarks VALUES ('nuget', %(ticks)s, 0);
    INSERT INTO ops.runs (source, kind, action, state, finished_at, after_ticks, up_to_ticks, newest_ticks, error)
    VALUES ('nuget', 'manual', 'scan', 'failed', now(), NULL, %(ticks)s, %(ticks)s, 'x');
    INSERT INTO ops.runs (source, kind, action, state, after_ticks, floor_ticks, up_to_ticks, newest_ticks)
    VALUES ('nuget', 'manual', 'scan', 'running', 0, -621355968000000001, %(ticks)s, %(ticks)s);
    INSERT INTO ops.run_pages (run_id, page_url, page_ticks) SELECT id, 'page0', %(ticks)s FROM ops.runs;
"""


@pytest.mark.parametrize("beyond", [LAST_MOMENT, 2**62])
def test_a_database_with_stamps_that_nobody_can_read_opens_and_tells(services: Services, beyond: int) -> None:
    with fresh_database(services, None) as url:
        with db.connect(url) as conn:
            conn.execute(db.sql("migrations/table"))
            for number, path in migrations.files()[:3]:
                conn.execute(path.read_bytes())
                conn.execute(
                    "INSERT INTO public.pkgintel_migrations VALUES (%s, %s, %s)",
                    (number, path.name, migrations.fingerprint(path)),
                )
            conn.execute(BEYOND.replace("%(ticks)s", str(beyond)).encode())
        migrations.apply(url)
        settings = Settings.model_validate({"database_url": url, "redis_url": "redis://127.0.0.1:1/0"})
        with db.connect(url) as conn:
            found = [run.as_json() for run in runs.listed(conn)]
            assert [run["window_up_to"] for run in found] == ["9999-12-31T00:00:00Z"] * 2
            assert runs.shown(conn, found[0]["id"]).pages
            assert status.report(conn, settings).as_json()["watermark"] == "9999-12-31T00:00:00Z"
            assert stored(conn, "nuget").as_json()["watermark"] == "9999-12-31T00:00:00Z"
            conn.execute("UPDATE ops.runs SET heartbeat_at = now() - interval '1 hour'")
            assert len(recovery.free_lost(conn, settings)) == 1, "such a row can still be closed"
            assert conn.execute("SELECT after_ticks FROM ops.runs ORDER BY id LIMIT 1").fetchone() == {
                "after_ticks": None
            }
            watermark.reset(conn, settings, Source.NUGET, "2024-05-01", "a test says so", "me")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ops.watermarks VALUES ('nuget', {beyond}, 0)",
        "INSERT INTO ops.watermarks VALUES ('nuget', 0, {beyond})",
        "UPDATE ops.runs SET up_to_ticks = {beyond}",
        "UPDATE ops.runs SET newest_ticks = {beyond}",
        "INSERT INTO ops.run_pages (run_id, page_url, page_ticks) SELECT id, 'x', {beyond} FROM ops.runs",
    ],
)
def test_no_stamp_that_nobody_can_read_is_written(conn: db.Connection, statement: str) -> None:
    ledger.open_run(conn, Source.NUGET, Action.SCAN, Kind.MANUAL)
    for beyond in (LAST_MOMENT, 2**62, -621355968000000001):
        with pytest.raises(psycopg.errors.CheckViolation, match="stamps_are_readable"):
            conn.execute(statement.format(beyond=beyond).encode())


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_times_are_read_in_utc_whatever_they_are(database: str, zone: str) -> None:
    with db.connect(database) as conn:
        conn.execute(f"SET timezone = '{zone}'".encode())
        row = conn.execute(
            "SELECT raw.at(%s) AS first, raw.at(%s) AS last, timestamptz 'infinity' AS never,"
            " timestamptz '2024-05-01 10:00Z' AS some",
            (-621355968000000000, 2**62),
        ).fetchone()
        assert row is not None
        told = {name: value.isoformat() for name, value in row.items()}
    assert told == {
        "first": "0001-01-01T00:00:00+00:00",
        "last": "9999-12-31T23:59:59.999999+00:00",
        "never": "9999-12-31T23:59:59.999999+00:00",
        "some": "2024-05-01T10:00:00+00:00",
    }
