-- The declarations of stored versions that are not known, as after a partial restore: of one package, or of all.
INSERT INTO raw.license_declarations (declaration, license_expression, license_file, license_url)
SELECT declaration, license_expression, license_file, license_url
FROM raw.read_versions v
WHERE declaration IS NOT NULL
  AND (%(only)s::text IS NULL OR package_key = %(only)s)
  AND NOT EXISTS (SELECT FROM raw.license_declarations known WHERE known.declaration = v.declaration)
GROUP BY declaration, license_expression, license_file, license_url
ORDER BY declaration
ON CONFLICT (declaration) DO NOTHING;
