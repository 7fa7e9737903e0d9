-- The pages of a run that are still to do, oldest first.
SELECT page_url FROM ops.run_pages WHERE run_id = %(run_id)s AND state = 'pending' ORDER BY page_ticks, length(page_url), page_url;
