-- What the catalog says of the versions asked for; a version of which only the deletion was seen says nothing.
SELECT v.package_key, v.version_key, v.package_id, v.version, v.license_expression, v.license_file, v.license_url,
       v.created, v.leaf_url
FROM unnest(%(package_keys)s::text[], %(version_keys)s::text[]) AS asked (package_key, version_key)
JOIN raw.nuget_versions v USING (package_key, version_key)
WHERE v.declaration IS NOT NULL;
