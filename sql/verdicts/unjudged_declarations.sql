-- Declarations that were never judged on this basis; the eras of one are judged together, so the first decides.
SELECT d.declaration, d.license_expression, d.license_file, d.license_url
FROM raw.license_declarations d
LEFT JOIN enriched.declaration_verdicts v ON v.declaration = d.declaration AND v.created_from = '-infinity'
WHERE v.basis IS DISTINCT FROM %(basis)s;
