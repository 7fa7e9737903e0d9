-- What the rows of packages with varied versions say of their last open version, where they are not open now. Only one that
-- once became anything but open has something to say, and none while a later version stands unread: one that is later than
-- the last change is later than all.
WITH changed AS MATERIALIZED (
    SELECT DISTINCT ON (c.package_key) c.package_key, c.from_version, c.from_ids, c.to_version, c.sort_key
    FROM enriched.license_id_changes c
    WHERE c.package_key = ANY (%(varied)s::text[])
      AND c.from_verdict = 'open_source' AND c.to_verdict <> 'open_source'
    ORDER BY c.package_key, c.sort_key DESC
), last AS MATERIALIZED (
    SELECT * FROM changed WHERE NOT enriched.unread_between(package_key, sort_key, NULL)
), said AS (
    SELECT s.package_key,
           CASE WHEN s.verdict <> 'open_source' THEN last.from_version END AS from_version,
           CASE WHEN s.verdict <> 'open_source' THEN last.from_ids END AS from_ids,
           CASE WHEN s.verdict <> 'open_source' THEN last.to_version END AS to_version
    FROM enriched.nuget_package_oss_status s JOIN last USING (package_key)
)
UPDATE enriched.nuget_package_oss_status s
SET last_open_version = said.from_version, last_open_ids = said.from_ids, different_since = said.to_version
FROM said
WHERE s.package_key = said.package_key
  AND (s.last_open_version, s.last_open_ids, s.different_since)
      IS DISTINCT FROM (said.from_version, said.from_ids, said.to_version);
