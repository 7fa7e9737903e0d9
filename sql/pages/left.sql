-- How many pages of a run are not done, how often one of them was begun at most, and the first with a reason.
SELECT count(*) FILTER (WHERE state = 'pending') AS pending, count(*) FILTER (WHERE state = 'failed') AS failed,
       coalesce(max(attempts), 0) AS attempts,
       (array_agg(page_url || ': ' || error ORDER BY page_ticks, length(page_url), page_url) FILTER (WHERE error IS NOT NULL))[1] AS first_error
FROM ops.run_pages WHERE run_id = %(run_id)s AND state <> 'done';
