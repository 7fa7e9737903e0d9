-- How far some runs are: pages and leaves, done and known of.
SELECT count(*) AS pages_total, count(*) FILTER (WHERE state = 'done') AS pages_done,
       count(*) FILTER (WHERE state = 'failed') AS pages_failed,
       coalesce(sum(fetched), 0)::bigint AS leaves_done,
       coalesce(sum(wanted) FILTER (WHERE wanted IS NOT NULL), 0)::bigint AS leaves_known,
       count(*) FILTER (WHERE wanted IS NULL) AS pages_unread
FROM ops.run_pages WHERE run_id = ANY (%(runs)s::bigint[]);
