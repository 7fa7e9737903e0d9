-- The page is taken up; no row when it is done already.
UPDATE ops.run_pages SET attempts = attempts + 1, started_at = coalesce(started_at, now()), error = NULL
WHERE run_id = %(run_id)s AND page_url = %(page_url)s AND state = 'pending'
RETURNING attempts, page_ticks, page_count, kind, page_end;
