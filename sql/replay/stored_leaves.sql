-- A batch of stored leaves in key order, from behind the last one seen.
SELECT package_key, version_key, package_id, version, license_expression, license_file, license_url,
       details_ticks, details_url, raw::text AS raw, raw_bytes
FROM raw.read_versions
WHERE details_ticks IS NOT NULL AND (package_key, version_key) > (%(package_key)s, %(version_key)s)
  AND (%(only)s::text IS NULL OR package_key = %(only)s)
ORDER BY package_key, version_key LIMIT %(limit)s;
