-- Where the time of a run went: from one moment to the next, those that have come.
SELECT phase.name, phase.begun, coalesce(phase.ended, now()) AS ended, phase.ended IS NULL AS goes_on
FROM ops.runs r
CROSS JOIN LATERAL (
    SELECT min(greatest(started_at, r.started_at)) AS begun, max(finished_at) AS ended,
           count(*) FILTER (WHERE state = 'pending') AS pending
    FROM ops.run_pages WHERE run_id = r.id) AS pages
CROSS JOIN LATERAL (VALUES
    (1, 'look', r.started_at, coalesce(pages.begun, r.finished_at)),
    (2, 'pages', pages.begun, CASE WHEN pages.pending = 0 OR r.finished_at IS NOT NULL
                                   THEN coalesce(pages.ended, r.finished_at) END),
    (3, 'close', CASE WHEN pages.pending = 0 THEN pages.ended END, r.finished_at),
    (4, 'what follows', CASE WHEN r.state IN ('done', 'caught_up') THEN r.finished_at END, r.settled_at))
    AS phase (n, name, begun, ended)
WHERE r.id = %(id)s AND phase.begun IS NOT NULL
ORDER BY phase.n;
