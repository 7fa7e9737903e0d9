-- How many packages have stored leaves and no row of their own, as after a partial restore. Where it is not certain yet who
-- speaks, none is missing.
SELECT count(DISTINCT package_key) AS packages
FROM raw.read_versions v
WHERE details_ticks IS NOT NULL
  AND (%(only)s::text IS NULL OR package_key = %(only)s)
  AND NOT EXISTS (SELECT FROM raw.nuget_packages p WHERE p.package_key = v.package_key)
  AND NOT EXISTS (SELECT FROM raw.unread_packages u WHERE u.package_key = v.package_key);
