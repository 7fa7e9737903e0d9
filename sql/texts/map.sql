-- Which address each declaration points at; none where its URL is no such file.
INSERT INTO raw.declaration_texts (declaration, source_id)
SELECT found.declaration, s.id
FROM unnest(%(declarations)s::uuid[], %(urls)s::text[]) AS found (declaration, url)
LEFT JOIN raw.text_sources s ON s.url = found.url
ON CONFLICT (declaration) DO NOTHING;
