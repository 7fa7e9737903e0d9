-- The most owners at whose addresses one text stands that was read as no known license and that no operator accepted.
SELECT coalesce(max(owners), 0)::float8
FROM (SELECT count(DISTINCT s.owner) AS owners
      FROM raw.text_sources s
      JOIN LATERAL (SELECT r.status FROM enriched.license_readings r WHERE r.sha256 = s.sha256
                    ORDER BY r.read_at DESC LIMIT 1) AS reading ON reading.status <> 'matched'
      WHERE s.kind <> 'embedded' AND s.state = 'have'
        AND NOT EXISTS (SELECT FROM ops.accepted_texts a WHERE a.what = s.sha256)
      GROUP BY s.sha256) AS alike;
