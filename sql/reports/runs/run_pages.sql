-- The pages of a run, so many at most where that is asked: failed ones first, then those to do, then the done, oldest first.
SELECT CASE WHEN kind = 'catalog' THEN page_url ELSE kind || ' ' || page_url END AS page_url, state, attempts, items, leaves, rejected, started_at, finished_at,
       extract(epoch FROM finished_at - started_at)::float8 AS seconds, error
FROM ops.run_pages
WHERE run_id = %(id)s
ORDER BY array_position(ARRAY['failed', 'pending', 'done'], state), page_ticks, length(run_pages.page_url), run_pages.page_url
LIMIT %(most)s;
