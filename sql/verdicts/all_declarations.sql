-- Every declaration that a package speaks by, and those of stored versions whose package has no row.
SELECT d.declaration, d.license_expression, d.license_file, d.license_url
FROM raw.license_declarations d
WHERE EXISTS (SELECT FROM raw.nuget_packages p WHERE p.declaration = d.declaration)
  AND (%(only)s::text IS NULL OR d.declaration = (SELECT declaration FROM raw.nuget_packages WHERE package_key = %(only)s))
UNION
SELECT v.declaration, v.license_expression, v.license_file, v.license_url
FROM raw.nuget_versions v
WHERE v.declaration IS NOT NULL AND (%(only)s::text IS NULL OR v.package_key = %(only)s)
  AND NOT EXISTS (SELECT FROM raw.nuget_packages p WHERE p.package_key = v.package_key);
