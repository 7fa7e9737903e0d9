-- Declarations that were never judged on this basis.
SELECT d.declaration, d.license_expression, d.license_file, d.license_url
FROM raw.license_declarations d
LEFT JOIN enriched.declaration_verdicts v USING (declaration)
WHERE v.basis IS DISTINCT FROM %(basis)s;
