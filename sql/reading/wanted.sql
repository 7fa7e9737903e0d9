-- Whether a speaker is uncertain, and whether any leaf at all is unread that is not rejected. By an index, for what was read
-- leaves rows behind that are gone.
SELECT (SELECT 1 FROM raw.unread_packages ORDER BY package_key LIMIT 1) IS NOT NULL AS speakers,
       (SELECT 1 FROM raw.unread_versions WHERE NOT rejected ORDER BY package_key, version_key LIMIT 1) IS NOT NULL AS rest;
