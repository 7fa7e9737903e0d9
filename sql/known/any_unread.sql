-- Whether any version or package is unread. By an index, for what was read leaves rows behind that are gone.
SELECT (SELECT 1 FROM raw.unread_packages ORDER BY package_key LIMIT 1) IS NOT NULL
    OR (SELECT 1 FROM raw.unread_versions ORDER BY package_key, version_key LIMIT 1) IS NOT NULL AS found;
