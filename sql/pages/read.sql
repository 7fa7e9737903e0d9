-- The pages behind a commit that earlier scans of this chain have read.
SELECT p.page_url, p.page_ticks
FROM ops.runs r JOIN ops.run_pages p ON p.run_id = r.id
WHERE r.root_id = %(root_id)s AND p.state = 'done' AND p.page_ticks > %(behind)s;
