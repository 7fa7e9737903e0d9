-- Declarations not seen before, in order, so that pages that bring the same new one wait instead of deadlocking.
INSERT INTO raw.license_declarations (declaration, license_expression, license_file, license_url)
SELECT declaration, license_expression, license_file, license_url
FROM (SELECT raw.declaration(expression, file, url), expression, file, url
      FROM unnest(%(expressions)s::text[], %(files)s::text[], %(urls)s::text[]) AS distinct_one (expression, file, url)
     ) AS brought (declaration, license_expression, license_file, license_url)
WHERE NOT EXISTS (SELECT FROM raw.license_declarations known WHERE known.declaration = brought.declaration)
ORDER BY declaration
ON CONFLICT (declaration) DO NOTHING;
