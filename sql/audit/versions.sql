-- All stored versions of some packages that still stand, in the order of the versions.
SELECT package_key, version, is_prerelease, license_expression, license_file, license_url, created
FROM raw.nuget_versions
WHERE package_key = ANY (%(package_keys)s::text[]) AND deleted_at IS NULL AND declaration IS NOT NULL
ORDER BY package_key, sort_key, version_key;
