-- Declarations not seen before, in order, so that pages that bring the same new one wait instead of deadlocking.
INSERT INTO raw.license_declarations (declaration, license_expression, license_file, license_url)
SELECT DISTINCT ON (declaration) declaration, license_expression, license_file, license_url
FROM (SELECT raw.declaration(license_expression, license_file, license_url) AS declaration,
             license_expression, license_file, license_url
      FROM pg_temp.incoming WHERE NOT is_delete) AS brought
WHERE NOT EXISTS (SELECT FROM raw.license_declarations known WHERE known.declaration = brought.declaration)
ORDER BY declaration
ON CONFLICT (declaration) DO NOTHING;
