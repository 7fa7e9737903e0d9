-- What a page of the run is; no row when the run has no such page.
SELECT kind FROM ops.run_pages WHERE run_id = %(run_id)s AND page_url = %(page_url)s;
