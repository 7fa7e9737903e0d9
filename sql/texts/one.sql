-- A text by the first digits of its digest, with its newest reading; two rows where the digits fit several.
SELECT t.sha256, t.bytes, t.media_type, t.first_seen, r.status, r.expression, r.method, r.similarity, r.reader,
       r.list_version, r.why,
       (SELECT coalesce(array_agg(DISTINCT coalesce(s.url, s.package_key || ' ' || s.version)), '{}')
        FROM raw.text_sources s WHERE s.sha256 = t.sha256) AS places
FROM raw.license_texts t
LEFT JOIN LATERAL (SELECT * FROM enriched.license_readings l WHERE l.sha256 = t.sha256
                   ORDER BY l.read_at DESC LIMIT 1) AS r ON true
WHERE starts_with(t.sha256, %(digits)s)
ORDER BY t.sha256
LIMIT 2;
