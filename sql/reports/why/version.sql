-- One version of a package, whether it stands or was deleted, with the text at hand for it.
SELECT v.version_key, v.version, v.license_expression, v.license_file, v.license_url, v.project_url, v.listed,
       v.is_prerelease, v.created, v.published, v.deprecated, v.deleted_at, v.commit_timestamp, v.leaf_url,
       v.declaration IS NOT NULL AS declared, coalesce(own.hand, named.hand) AS hand
FROM raw.nuget_versions v
LEFT JOIN enriched.texts_at_hand own ON own.package_key = v.package_key AND own.version_key = v.version_key
LEFT JOIN raw.declaration_texts m ON m.declaration = v.declaration AND m.source_id IS NOT NULL
LEFT JOIN enriched.texts_at_hand named ON named.source_id = m.source_id
WHERE v.package_key = %(package_key)s AND v.version_key = %(version_key)s;
