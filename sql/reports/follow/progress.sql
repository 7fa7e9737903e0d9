-- How far some runs are: pages and leaves, done and known of, and the items of pages that only make versions known; why one that
-- runs is tried again, where it is.
SELECT now() AS as_of, count(*) AS pages_total, count(*) FILTER (WHERE state = 'done') AS pages_done,
       count(*) FILTER (WHERE state = 'failed') AS pages_failed,
       coalesce(sum(fetched), 0)::bigint AS leaves_done,
       coalesce(sum(wanted) FILTER (WHERE wanted IS NOT NULL), 0)::bigint AS leaves_known,
       count(*) FILTER (WHERE wanted IS NULL) AS pages_unread,
       (SELECT ops.retry(r) FROM ops.runs r WHERE r.id = ANY (%(runs)s::bigint[]) AND r.state = 'running'
        ORDER BY r.id DESC LIMIT 1) AS retry,
       coalesce(sum(items), 0)::bigint AS items
FROM ops.run_pages WHERE run_id = ANY (%(runs)s::bigint[]);
