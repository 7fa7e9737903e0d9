-- How far a page is, for the screen.
UPDATE ops.run_pages SET wanted = %(wanted)s, fetched = %(fetched)s
WHERE run_id = %(run_id)s AND page_url = %(page_url)s AND state = 'pending';
