-- What the rows of the packages touched say of their last open version, where they are not open now.
WITH last AS (
    SELECT DISTINCT ON (c.package_key) c.package_key, c.from_version, c.from_ids, c.to_version
    FROM enriched.license_id_changes c JOIN pg_temp.touched USING (package_key)
    WHERE c.from_verdict = 'open_source' AND c.to_verdict <> 'open_source'
    ORDER BY c.package_key, c.sort_key DESC
), said AS (
    SELECT s.package_key, last.from_version, last.from_ids, last.to_version
    FROM enriched.nuget_package_oss_status s
    JOIN pg_temp.touched USING (package_key)
    LEFT JOIN last ON last.package_key = s.package_key AND s.verdict <> 'open_source'
)
UPDATE enriched.nuget_package_oss_status s
SET last_open_version = said.from_version, last_open_ids = said.from_ids, different_since = said.to_version
FROM said
WHERE s.package_key = said.package_key
  AND (s.last_open_version, s.last_open_ids, s.different_since)
      IS DISTINCT FROM (said.from_version, said.from_ids, said.to_version);
