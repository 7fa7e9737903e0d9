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
), counted AS (
    SELECT sha256, count(*) AS packages, (array_agg(package_id ORDER BY package_id))[1:3] AS examples
    FROM used GROUP BY sha256
), waiting AS (
    SELECT t.sha256, octet_length(t.bytes) AS size, r.status, r.expression, r.similarity, c.packages, c.examples
    FROM counted c
    JOIN raw.license_texts t USING (sha256)
    CROSS JOIN LATERAL (SELECT * FROM enriched.license_readings l WHERE l.sha256 = t.sha256
                        ORDER BY l.read_at DESC LIMIT 1) AS r
    WHERE r.status <> 'matched'
    ORDER BY c.packages DESC, t.sha256
    LIMIT %(most)s
), owned AS (
    SELECT s.sha256, count(DISTINCT s.owner) AS owners
    FROM raw.text_sources s JOIN waiting USING (sha256)
    GROUP BY s.sha256
)
SELECT w.*, o.owners, EXISTS (SELECT FROM ops.accepted_texts a WHERE a.what = w.sha256) AS accepted
FROM waiting w JOIN owned o USING (sha256)
ORDER BY w.packages DESC, w.sha256;
