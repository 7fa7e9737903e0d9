-- The pages of a run: failed ones first, then those to do, then the done, oldest first.
SELECT page_url, state, attempts, items, leaves, rejected, started_at, finished_at,
       extract(epoch FROM finished_at - started_at)::float8 AS seconds, error
FROM ops.run_pages WHERE run_id = %(id)s
ORDER BY array_position(ARRAY['failed', 'pending', 'done'], state), page_ticks, page_url;
