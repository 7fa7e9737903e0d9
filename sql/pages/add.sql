-- The pages of a run, all still to do.
INSERT INTO ops.run_pages (run_id, page_url, page_ticks, page_count, kind)
SELECT %(run_id)s, url, ticks, items, kind
FROM unnest(%(urls)s::text[], %(ticks)s::bigint[], %(counts)s::integer[], %(kinds)s::text[])
    AS page (url, ticks, items, kind)
ON CONFLICT DO NOTHING;
