-- Declarations of which nobody has found out yet whether their URL is a file that can be asked for.
SELECT d.declaration, d.license_expression, d.license_url
FROM raw.license_declarations d
WHERE NOT EXISTS (SELECT FROM raw.declaration_texts m WHERE m.declaration = d.declaration)
ORDER BY d.declaration
LIMIT %(most)s;
