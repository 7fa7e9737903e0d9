-- The pages of a run that reads unread leaves, all still to do: ranges of packages or of blocks.
INSERT INTO ops.run_pages (run_id, page_url, page_end, page_ticks, kind)
SELECT %(run_id)s, name, page_end, place, kind
FROM unnest(%(names)s::text[], %(ends)s::text[], %(places)s::bigint[], %(kinds)s::text[])
    AS page (name, page_end, place, kind)
ON CONFLICT DO NOTHING;
