-- Packages that speak by a declaration whose text is at hand already: the classifier has to look at them.
UPDATE raw.nuget_packages p SET changed_xid = pg_current_xact_id()
FROM raw.declaration_texts m
JOIN enriched.texts_at_hand h ON h.source_id = m.source_id
WHERE m.declaration = ANY (%(declarations)s::uuid[]) AND p.declaration = m.declaration;
