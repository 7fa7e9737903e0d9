-- The pages of a run, all still to do.
INSERT INTO ops.run_pages (run_id, page_url, page_ticks)
SELECT %(run_id)s, url, ticks FROM unnest(%(urls)s::text[], %(ticks)s::bigint[]) AS page (url, ticks)
ON CONFLICT DO NOTHING;
