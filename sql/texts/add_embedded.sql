-- License files inside the versions that speak for their packages, %(most)s of those that are not known yet.
INSERT INTO raw.text_sources (kind, host, owner, package_key, version_key, version)
SELECT 'embedded', %(host)s, v.package_key, v.package_key, v.version_key, v.version
FROM raw.nuget_packages p
JOIN raw.read_versions v ON v.package_key = p.package_key AND v.version = p.latest_version AND v.deleted_at IS NULL
WHERE p.state <> 'deleted'
  AND (p.license_file IS NOT NULL OR p.license_url ~* '^\s*https?://aka\.ms/deprecatelicenseurl/?\s*$')
  AND NOT EXISTS (SELECT FROM raw.text_sources s
                  WHERE s.package_key = v.package_key AND s.version_key = v.version_key)
ORDER BY v.package_key
LIMIT %(most)s
ON CONFLICT DO NOTHING;
