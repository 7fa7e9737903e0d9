"""A deployment that has run for years: a hundred thousand runs, and a scan of which one page of two thousand failed."""

from pkgintel import database
from pkgintel.pipeline import gate, runs
from pkgintel.pipeline.checks import PACKAGES
from pkgintel.pipeline.states import Action, Kind, Source, State
from pkgintel.settings import Deployment


def grow_old(conn: database.Connection) -> None:
    """A hundred thousand runs: three years of ticks, most of which found nothing new."""
    conn.execute(
        """
        INSERT INTO ops.runs (source, kind, action, state, started_at, finished_at, settled_at, error, pages_total,
            pages_done, pages_failed, leaves, rejected, cause_id)
        SELECT (ARRAY['nuget', 'verdicts', 'spdx'])[1 + n % 3], 'scheduled',
            (ARRAY['scan', 'classify', 'sync'])[1 + n % 3], state, at,
            at + interval '40 seconds', CASE WHEN state <> 'failed' THEN at + interval '1 minute' END,
            CASE state WHEN 'failed' THEN '1 of 30 pages failed' END, pages,
            greatest(pages - (state = 'failed')::int, 0),
            (state = 'failed')::int, CASE WHEN pages > 0 THEN 200 + 37 * n % 900 ELSE 0 END, n % 7 * (pages > 0)::int,
            CASE WHEN n % 3 = 1 AND n > 1 THEN n - 1 END
        FROM (SELECT n, now() - (100000 - n) * interval '15 minutes' AS at,
                     CASE WHEN n % 3000 = 0 THEN 'failed' WHEN n % 6 < 2 THEN 'done' ELSE 'caught_up' END AS state,
                     CASE WHEN n % 6 = 0 THEN 30 ELSE 0 END AS pages
              FROM generate_series(1, 100000) AS n) AS past;
        INSERT INTO ops.check_results (name, gate, blocking, passed, value, threshold, message, run_id, checked_at)
        SELECT 'raw_spdx_licenses_osi_floor', 'raw_spdx_licenses', true, true, 110 + n % 17, 100, 'enough', NULL,
            now() - (20000 - n) * interval '1 minute' FROM generate_series(1, 20000) AS n;
        ANALYZE ops.runs; ANALYZE ops.check_results
        """
    )


def failed_scan(conn: database.Connection, settings: Deployment) -> int:
    """A scan of 2,000 pages, one of which failed, with what its gate measured, and a classification that came of it."""
    run_id = runs.open_run(conn, Source.NUGET, Action.SCAN, Kind.FALLBACK, cause_id=99_999)
    conn.execute(
        """
        INSERT INTO ops.run_pages (run_id, page_url, page_ticks, state, attempts, items, leaves, started_at,
            finished_at, error)
        SELECT %(id)s, 'https://catalog.test/v3/page' || n || '.json', n,
            CASE n WHEN 7 THEN 'failed' ELSE 'done' END, 1, 9, 9,
            now() + interval '2 seconds', now() + n * interval '30 ms',
            CASE n WHEN 7 THEN 'UpstreamUnavailable: <b>503</b>' END
        FROM generate_series(1, 2000) n
        """,
        {"id": run_id},
    )
    conn.execute("UPDATE ops.runs SET pages_total = 2000, task_id = 'task-of-it' WHERE id = %s", (run_id,))
    gate.record(conn, gate.measure(conn, settings, PACKAGES), run_id)
    runs.end(conn, run_id, State.FAILED, error="1 of 2000 pages failed: <script>alert(1)</script>")
    conn.execute(
        "UPDATE ops.runs SET finished_at = now() + interval '65 seconds', leaves = 18000 WHERE id = %s",
        (run_id,),
    )
    came = runs.open_run(conn, Source.VERDICTS, Action.CLASSIFY, Kind.FALLBACK, cause_id=run_id)
    runs.end(conn, came, State.DONE)
    return run_id
