-- What was looked up at a source not too long ago, of the versions asked for.
SELECT l.package_key, l.version_key, l.package_id, l.version, l.found, l.license_expression, l.license_file, l.license_url,
       l.document_url
FROM unnest(%(package_keys)s::text[], %(version_keys)s::text[]) AS asked (package_key, version_key)
JOIN raw.looked_up_versions l USING (package_key, version_key)
WHERE l.source_url = %(source_url)s
  AND l.looked_up_at > now() - CASE WHEN l.found THEN interval '30 days' ELSE interval '1 day' END;
