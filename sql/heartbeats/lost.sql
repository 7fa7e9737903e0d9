-- Running runs without a sign of life for %(lost_after)s seconds; where only the callback is lacking, that is looked for after
-- %(callback_after)s already, once: no page is left that could give a sign.
SELECT r.id, r.source, r.action, r.sends, extract(epoch FROM now() - r.heartbeat_at)::float8 AS silent, pages.all_done
FROM ops.runs r
CROSS JOIN LATERAL (
    SELECT r.pages_total > 0 AND NOT EXISTS (SELECT FROM ops.run_pages p WHERE p.run_id = r.id AND p.state <> 'done') AS all_done
) AS pages
WHERE r.state = 'running'
  AND r.heartbeat_at < now() - make_interval(secs => CASE WHEN pages.all_done AND r.sends = 0
                                                          THEN least(%(callback_after)s::float8, %(lost_after)s::float8)
                                                          ELSE %(lost_after)s::float8 END)
ORDER BY r.id;
