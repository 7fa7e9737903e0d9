-- How far a page is, for the screen. A statement of its own that does not wait for the disk.
UPDATE ops.run_pages SET wanted = %(wanted)s, fetched = %(fetched)s
WHERE run_id = %(run_id)s AND page_url = %(page_url)s AND state = 'pending'
  AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL;
