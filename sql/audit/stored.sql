-- What the catalog says of the versions asked for, with the text at hand for each; a version that stands unread, or of which
-- only the deletion was seen, says nothing.
SELECT v.package_key, v.version_key, v.package_id, v.version, v.license_expression, v.license_file, v.license_url,
       v.created, v.leaf_url, coalesce(own.hand, named.hand) AS hand
FROM unnest(%(package_keys)s::text[], %(version_keys)s::text[]) AS asked (package_key, version_key)
JOIN raw.nuget_versions v USING (package_key, version_key)
LEFT JOIN enriched.texts_at_hand own ON own.package_key = v.package_key AND own.version_key = v.version_key
LEFT JOIN raw.declaration_texts m ON m.declaration = v.declaration AND m.source_id IS NOT NULL
LEFT JOIN enriched.texts_at_hand named ON named.source_id = m.source_id
WHERE v.declaration IS NOT NULL;
