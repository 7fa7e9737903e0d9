-- The sources that a run asks for, by host and in order.
INSERT INTO ops.run_texts (run_id, page_url, source_id, place)
SELECT %(run_id)s, host, id, place
FROM unnest(%(hosts)s::text[], %(ids)s::bigint[]) WITH ORDINALITY AS due (host, id, place)
ON CONFLICT DO NOTHING;
