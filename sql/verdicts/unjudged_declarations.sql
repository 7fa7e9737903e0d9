-- Declarations that were never judged on this basis, or with another text at hand; the eras of one are judged together, so
-- the first decides. A version with a license file of its own, whose text is at hand, is judged beside its declaration.
-- What was written by transactions that had ended when the last classification on this basis began (those before `since`)
-- was judged by it: the number of the transaction that wrote a row says so of each row, whoever wrote it.
WITH look AS MATERIALIZED (SELECT age((%(since)s::xid8)::xid) AS back)
SELECT d.declaration, d.license_expression, d.license_file, d.license_url, 0::bigint AS text_source, h.hand,
       coalesce(h.hand_key, '') AS hand_key
FROM raw.license_declarations d
LEFT JOIN (raw.declaration_texts m JOIN enriched.texts_at_hand h ON h.source_id = m.source_id)
    ON m.declaration = d.declaration
WHERE least(age(d.xmin), age(m.xmin), age(h.xmin)) <= (SELECT back FROM look)
  AND NOT EXISTS (SELECT FROM enriched.declaration_verdicts v
                  WHERE v.declaration = d.declaration AND v.text_source = 0 AND v.created_from = '-infinity'
                    AND v.basis = %(basis)s AND v.hand_key = coalesce(h.hand_key, ''))
UNION ALL
SELECT d.declaration, d.license_expression, d.license_file, d.license_url, h.source_id, h.hand, h.hand_key
FROM enriched.texts_at_hand h
JOIN raw.read_versions n ON n.package_key = h.package_key AND n.version_key = h.version_key
JOIN raw.license_declarations d ON d.declaration = n.declaration
WHERE least(age(d.xmin), age(n.xmin), age(h.xmin)) <= (SELECT back FROM look)
  AND NOT EXISTS (SELECT FROM enriched.declaration_verdicts v
                  WHERE v.declaration = d.declaration AND v.text_source = h.source_id AND v.created_from = '-infinity'
                    AND v.basis = %(basis)s AND v.hand_key = h.hand_key)
LIMIT %(most)s::bigint;
