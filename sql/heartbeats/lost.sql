-- Running runs without a sign of life for %(lost_after)s seconds.
SELECT id, source, action, sends,
       extract(epoch FROM now() - heartbeat_at)::float8 AS silent,
       pages_total > 0 AND NOT EXISTS (SELECT FROM ops.run_pages p WHERE p.run_id = runs.id AND p.state <> 'done')
           AS all_done
FROM ops.runs
WHERE state = 'running' AND heartbeat_at < now() - make_interval(secs => %(lost_after)s)
ORDER BY id;
