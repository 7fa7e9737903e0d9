-- Of the packages touched, those whose versions can differ: by their declarations, by one that has several eras, or by the
-- texts of their own files.
INSERT INTO pg_temp.varied
SELECT v.package_key
FROM raw.nuget_versions v
WHERE v.package_key IN (SELECT package_key FROM pg_temp.touched) AND v.deleted_at IS NULL
GROUP BY v.package_key
HAVING min(v.declaration::text) <> max(v.declaration::text)
    OR (count(*) > 1 AND bool_or(v.declaration IN (SELECT declaration FROM enriched.declaration_verdicts
                                                   WHERE created_from > '-infinity')
                                 OR EXISTS (SELECT FROM enriched.texts_at_hand h
                                            WHERE h.package_key = v.package_key AND h.version_key = v.version_key)));
