-- The page is taken up; no row when it is done already. A statement of its own that does not wait for the disk: a crash of the
-- server forgets that it was begun, as it forgets whatever would have come of it.
UPDATE ops.run_pages SET attempts = attempts + 1, started_at = coalesce(started_at, now()), error = NULL
WHERE run_id = %(run_id)s AND page_url = %(page_url)s AND state = 'pending'
  AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL
RETURNING attempts, page_ticks, page_count, kind, page_end;
