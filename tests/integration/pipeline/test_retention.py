"""What upkeep takes away, and what stays whatever its age."""

import psycopg
import pytest

from pkgintel import database as db
from pkgintel.pipeline import retention
from pkgintel.settings import Settings
from tests.support.reports import run_of

DAY = 86_400


def test_what_is_old_goes_and_runs_open_rejects_and_the_newest_results_stay(
    conn: db.Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MOST", 6)

    def run(state: str, days: float, **columns: object) -> int:
        run_id = run_of(conn, "nuget", state, ago=days * DAY, **columns)
        conn.execute(
            "INSERT INTO ops.run_pages (run_id, page_url) SELECT %s, 'p' || n FROM generate_series(1, 3) n", (run_id,)
        )
        return run_id

    last = run("done", 50, up_to_ticks=9)
    blocked, failed, young = run("blocked", 45), run("failed", 40), run("failed", 29)
    for name, days in (("a", 60), ("a", 31), ("a", 29), ("b", 90)):
        conn.execute(
            "INSERT INTO ops.check_results (name, gate, blocking, passed, message, checked_at) "
            "VALUES (%s, 'g', false, true, '', now() - make_interval(days => %s))",
            (name, days),
        )
    for name, days in (("old", 31), ("new", 29), ("open", None)):
        conn.execute(
            "INSERT INTO ops.rejected_leaves (leaf_url, package_id, version, kind, commit_ticks, page_url, reason, "
            "error, body, resolved_at, resolution) VALUES (%s, 'A', '1', 'details', 1, 'p', 'schema', 'e', 'body', "
            "now() - make_interval(days => %s), CASE WHEN %s THEN 'replayed' END)",
            (name, days, days is not None),
        )
    for _ in range(5):
        retention.tidy(conn, settings)
    assert retention.tidy(conn, settings) == []
    kept = {row["run_id"] for row in conn.execute("SELECT run_id FROM ops.run_pages")}
    assert kept == {last, blocked, young}, failed
    assert conn.execute("SELECT count(*) AS n FROM ops.runs").fetchone() == {"n": 4}
    assert [row["name"] for row in conn.execute("SELECT name FROM ops.check_results ORDER BY name")] == ["a", "b"]
    bodies = conn.execute("SELECT leaf_url, body FROM ops.rejected_leaves").fetchall()
    assert {row["leaf_url"]: row["body"] for row in bodies} == {"old": None, "new": "body", "open": "body"}


def test_no_run_is_ever_taken_away_while_something_hangs_on_it(conn: db.Connection, settings: Settings) -> None:
    run_id = run_of(conn, "nuget", "running", ago=90 * DAY)
    conn.execute("INSERT INTO ops.run_pages (run_id, page_url) VALUES (%s, 'p')", (run_id,))
    assert retention.tidy(conn, settings) == []
    with pytest.raises(psycopg.errors.UniqueViolation):
        run_of(conn, "nuget", "running")
