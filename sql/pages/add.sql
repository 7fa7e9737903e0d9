-- The pages of a run, all still to do.
INSERT INTO ops.run_pages (run_id, page_url, page_ticks, page_count)
SELECT %(run_id)s, url, ticks, items
FROM unnest(%(urls)s::text[], %(ticks)s::bigint[], %(counts)s::integer[]) AS page (url, ticks, items)
ON CONFLICT DO NOTHING;
