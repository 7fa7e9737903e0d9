-- Runs, newest first; of one source or action, in one state, older than a run, where that is asked.
SELECT r.id, r.source, r.action, r.kind, r.state, r.started_at, r.finished_at, r.window_after, r.window_up_to,
       extract(epoch FROM coalesce(r.finished_at, now()) - r.started_at)::float8 AS seconds, r.pages_total,
       CASE WHEN r.state = 'running' THEN p.done ELSE r.pages_done END AS pages_done,
       CASE WHEN r.state = 'running' THEN p.failed ELSE r.pages_failed END AS pages_failed,
       CASE WHEN r.state = 'running' THEN p.leaves ELSE r.leaves END AS leaves,
       CASE WHEN r.state = 'running' THEN p.rejected ELSE r.rejected END AS rejected,
       r.error, r.cause_id, r.root_id
FROM ops.runs r
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'failed') AS failed,
           coalesce(sum(leaves), 0)::bigint AS leaves, coalesce(sum(rejected), 0)::bigint AS rejected
    FROM ops.run_pages WHERE run_id = r.id) AS p ON r.state = 'running'
WHERE (%(source)s::text IS NULL OR r.source = %(source)s) AND (%(state)s::text IS NULL OR r.state = %(state)s)
  AND (%(action)s::text IS NULL OR r.action = %(action)s)
  AND (%(id)s::bigint IS NULL OR r.id = %(id)s) AND (%(before)s::bigint IS NULL OR r.id < %(before)s)
ORDER BY r.id DESC LIMIT %(most)s;
