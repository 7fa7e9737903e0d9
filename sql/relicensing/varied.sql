-- Of the packages to look at, those whose versions can differ: one declares something else than the version that speaks,
-- or there are several, and what they declare has several eras or one of them has a text of its own.
SELECT p.package_key
FROM raw.nuget_packages p
WHERE (p.changed_xid >= %(since)s::xid8 OR p.package_key = ANY (%(besides)s::text[]))
  AND (EXISTS (SELECT FROM raw.read_versions v
               WHERE v.package_key = p.package_key AND v.deleted_at IS NULL AND v.declaration <> p.declaration)
       OR ((p.declaration IN (SELECT declaration FROM enriched.declaration_verdicts WHERE created_from > '-infinity')
            OR EXISTS (SELECT FROM enriched.texts_at_hand h WHERE h.package_key = p.package_key))
           AND (SELECT count(*) FROM raw.read_versions v
                WHERE v.package_key = p.package_key AND v.deleted_at IS NULL) > 1));
