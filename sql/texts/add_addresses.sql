-- Addresses of files on code hosts, each once.
INSERT INTO raw.text_sources (kind, host, owner, url)
SELECT DISTINCT ON (url) kind, host, owner, url
FROM unnest(%(kinds)s::text[], %(hosts)s::text[], %(owners)s::text[], %(urls)s::text[])
    AS found (kind, host, owner, url)
ON CONFLICT (url) DO NOTHING;
