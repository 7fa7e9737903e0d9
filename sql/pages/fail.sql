-- The page could not be stored, with the reason.
UPDATE ops.run_pages SET state = %(state)s, error = %(error)s,
    finished_at = CASE WHEN %(state)s = 'failed' THEN now() END
WHERE run_id = %(run_id)s AND page_url = %(page_url)s AND state = 'pending';
