-- Every declaration that a package speaks by, and those of stored versions whose package has no row, with the text at hand.
SELECT d.declaration, d.license_expression, d.license_file, d.license_url, 0::bigint AS text_source, h.hand,
       coalesce(h.hand_key, '') AS hand_key
FROM (
    SELECT d.declaration, d.license_expression, d.license_file, d.license_url
    FROM raw.license_declarations d
    WHERE EXISTS (SELECT FROM raw.nuget_packages p WHERE p.declaration = d.declaration)
      AND (%(only)s::text IS NULL
           OR d.declaration = (SELECT declaration FROM raw.nuget_packages WHERE package_key = %(only)s))
    UNION
    SELECT v.declaration, v.license_expression, v.license_file, v.license_url
    FROM raw.read_versions v
    WHERE v.declaration IS NOT NULL AND (%(only)s::text IS NULL OR v.package_key = %(only)s)
      AND NOT EXISTS (SELECT FROM raw.nuget_packages p WHERE p.package_key = v.package_key)
) AS d
LEFT JOIN raw.declaration_texts m ON m.declaration = d.declaration AND m.source_id IS NOT NULL
LEFT JOIN enriched.texts_at_hand h ON h.source_id = m.source_id
UNION ALL
SELECT v.declaration, v.license_expression, v.license_file, v.license_url, h.source_id, h.hand, h.hand_key
FROM enriched.texts_at_hand h
JOIN raw.read_versions v ON v.package_key = h.package_key AND v.version_key = h.version_key AND v.declaration IS NOT NULL
WHERE %(only)s::text IS NULL OR v.package_key = %(only)s
LIMIT %(most)s::bigint;
