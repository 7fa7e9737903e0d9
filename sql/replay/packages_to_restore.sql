-- How many packages have stored leaves and no row of their own, as after a partial restore.
SELECT count(DISTINCT package_key) AS packages
FROM raw.nuget_versions v
WHERE details_ticks IS NOT NULL
  AND (%(only)s::text IS NULL OR package_key = %(only)s)
  AND NOT EXISTS (SELECT FROM raw.nuget_packages p WHERE p.package_key = v.package_key);
