-- The page is stored, in the same transaction as its rows and before them: it is locked until that ends, and whoever finds it
-- done leaves it alone.
UPDATE ops.run_pages SET state = 'done', items = %(items)s, wanted = %(leaves)s, fetched = %(leaves)s, leaves = %(leaves)s,
    rejected = %(rejected)s, newest_ticks = %(newest)s, error = NULL, finished_at = now()
WHERE run_id = %(run_id)s AND page_url = %(page_url)s AND state <> 'done';
