-- Texts that were read as no known license, or that could not be read, by how many packages speak by them.
WITH used AS (
    SELECT s.sha256, p.package_id
    FROM raw.text_sources s JOIN raw.nuget_packages p ON p.package_key = s.package_key AND p.latest_version = s.version
    WHERE s.sha256 IS NOT NULL
    UNION ALL
    SELECT s.sha256, p.package_id
    FROM raw.text_sources s
    JOIN raw.declaration_texts m ON m.source_id = s.id
    JOIN raw.nuget_packages p ON p.declaration = m.declaration
    WHERE s.sha256 IS NOT NULL
)
SELECT t.sha256, octet_length(t.bytes) AS size, r.status, r.expression, r.similarity, used.packages, used.examples,
       (SELECT count(DISTINCT s.owner) FROM raw.text_sources s WHERE s.sha256 = t.sha256) AS owners,
       EXISTS (SELECT FROM ops.accepted_texts a WHERE a.what = t.sha256) AS accepted
FROM raw.license_texts t
CROSS JOIN LATERAL (SELECT * FROM enriched.license_readings l WHERE l.sha256 = t.sha256
                    ORDER BY l.read_at DESC LIMIT 1) AS r
LEFT JOIN LATERAL (SELECT count(*) AS packages, (array_agg(u.package_id ORDER BY u.package_id))[1:3] AS examples
                   FROM used u WHERE u.sha256 = t.sha256) AS used ON true
WHERE r.status <> 'matched' AND used.packages > 0
ORDER BY used.packages DESC, t.sha256
LIMIT %(most)s;
