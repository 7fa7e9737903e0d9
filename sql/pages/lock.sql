-- The page of a run, locked: whoever finds it done leaves it alone.
SELECT state FROM ops.run_pages WHERE run_id = %(run_id)s AND page_url = %(page_url)s FOR UPDATE;
