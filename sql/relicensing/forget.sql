-- Pairs of packages with varied versions that are true no more; `last_open` says again what still follows from the others.
WITH gone AS (
    DELETE FROM enriched.license_id_changes c
    WHERE c.package_key = ANY (%(varied)s::text[])
      AND NOT EXISTS (SELECT FROM pg_temp.relicensed r
                      WHERE r.package_key = c.package_key
                        AND (r.from_version, r.to_version, r.from_verdict, r.to_verdict, r.from_ids, r.to_ids)
                            = (c.from_version, c.to_version, c.from_verdict, c.to_verdict, c.from_ids, c.to_ids))
    RETURNING c.package_key
)
UPDATE enriched.nuget_package_oss_status s
SET last_open_version = NULL, last_open_ids = NULL, different_since = NULL
WHERE s.package_key IN (SELECT package_key FROM gone) AND s.last_open_version IS NOT NULL;
