-- Every declaration that a package speaks by.
SELECT d.declaration, d.license_expression, d.license_file, d.license_url
FROM raw.license_declarations d
WHERE EXISTS (SELECT FROM raw.nuget_packages p WHERE p.declaration = d.declaration)
  AND (%(only)s::text IS NULL OR d.declaration = (SELECT declaration FROM raw.nuget_packages WHERE package_key = %(only)s));
