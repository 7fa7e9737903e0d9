-- Pairs of the packages looked at whose versions all say the same now.
WITH gone AS (
    DELETE FROM enriched.license_id_changes c
    USING raw.nuget_packages p
    WHERE c.package_key = p.package_key
      AND (p.changed_xid >= %(since)s::xid8 OR p.package_key = ANY (%(besides)s::text[]))
      AND c.package_key <> ALL (%(varied)s::text[])
    RETURNING c.package_key
)
UPDATE enriched.nuget_package_oss_status s
SET last_open_version = NULL, last_open_ids = NULL, different_since = NULL
WHERE s.package_key IN (SELECT package_key FROM gone) AND s.last_open_version IS NOT NULL;
