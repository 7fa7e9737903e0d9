-- All known versions of some packages that still stand, in the order of the versions; `declared` where one was read.
SELECT v.package_key, v.version, v.is_prerelease, v.license_expression, v.license_file, v.license_url, v.created,
       v.declaration IS NOT NULL AS declared, coalesce(own.hand, named.hand) AS hand
FROM raw.nuget_versions v
LEFT JOIN enriched.texts_at_hand own ON own.package_key = v.package_key AND own.version_key = v.version_key
LEFT JOIN raw.declaration_texts m ON m.declaration = v.declaration AND m.source_id IS NOT NULL
LEFT JOIN enriched.texts_at_hand named ON named.source_id = m.source_id
WHERE v.package_key = ANY (%(package_keys)s::text[]) AND v.deleted_at IS NULL
ORDER BY v.package_key, v.sort_key, v.version_key;
