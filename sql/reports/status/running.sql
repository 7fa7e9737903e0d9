-- The runs in progress, oldest first, with how far their pages are. The catalog's run is the first.
SELECT r.id, r.source, r.action, r.kind, (r.detail ->> 'round')::integer AS round, r.started_at, r.pages_total, r.more, r.window_after, r.window_up_to,
       coalesce(p.done, 0) AS pages_done, coalesce(p.failed, 0) AS pages_failed,
       coalesce(p.leaves, 0) AS leaves, coalesce(p.rejected, 0) AS rejected,
       extract(epoch FROM now() - r.started_at)::float8 AS seconds,
       extract(epoch FROM now() - r.heartbeat_at)::float8 AS silent_seconds,
       p.share AS pages_share, p.first_error, ops.retry(r) AS retry
FROM ops.runs r
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'failed') AS failed,
           sum(greatest(leaves, fetched)) AS leaves, sum(rejected) AS rejected,
           avg(CASE WHEN state <> 'pending' THEN 1 WHEN wanted > 0 THEN least(1, fetched::float8 / wanted) ELSE 0 END)
               AS share,
           (array_agg(page_url || ': ' || error ORDER BY page_ticks, length(page_url), page_url) FILTER (WHERE error IS NOT NULL))[1] AS first_error
    FROM ops.run_pages WHERE run_id = r.id) AS p
WHERE r.state = 'running'
ORDER BY r.source <> 'nuget' OR r.action = 'replay', r.action = 'read' AND r.rest, r.id;
