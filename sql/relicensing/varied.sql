-- Of the packages to look at, those whose versions can differ: one declares something else than the version that speaks,
-- or there are several, and what they declare has several eras or one of them has a text of its own. A branch for each, so
-- that none is looked through where no declaration has eras, and none where no text is at hand. One row with all of them, for
-- of all of nuget.org they are many, and a row for each takes four times the memory.
WITH looked_at AS NOT MATERIALIZED (
    SELECT package_key, declaration FROM raw.nuget_packages
    WHERE changed_xid >= %(since)s::xid8 OR package_key = ANY (%(besides)s::text[])
)
SELECT coalesce(array_agg(package_key), '{}') AS package_keys
FROM (
    SELECT package_key FROM looked_at p
    WHERE EXISTS (SELECT FROM raw.read_versions v
                  WHERE v.package_key = p.package_key AND v.deleted_at IS NULL AND v.declaration <> p.declaration)
    UNION
    SELECT package_key
    FROM (SELECT package_key FROM looked_at
          WHERE declaration IN (SELECT declaration FROM enriched.declaration_verdicts WHERE created_from > '-infinity')
          UNION
          SELECT package_key FROM looked_at
          WHERE package_key IN (SELECT package_key FROM enriched.texts_at_hand)) AS one
    WHERE (SELECT count(*) FROM raw.read_versions v
           WHERE v.package_key = one.package_key AND v.deleted_at IS NULL) > 1
) AS varied;
