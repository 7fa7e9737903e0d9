-- The newest delete of each version. What was last known of the version stays; a version never seen is stored as deleted.
INSERT INTO raw.read_versions AS v
    (package_key, version_key, package_id, version, is_prerelease, sort_key, delete_ticks, delete_url, raw, raw_bytes)
SELECT package_key, version_key, package_id, version, is_prerelease, sort_key, commit_ticks, leaf_url, raw, raw_bytes
FROM pg_temp.incoming
WHERE is_delete
ORDER BY package_key, version_key
ON CONFLICT (package_key, version_key) DO UPDATE SET
    delete_ticks = excluded.delete_ticks, delete_url = excluded.delete_url,
    package_id = CASE WHEN v.details_ticks IS NULL THEN excluded.package_id ELSE v.package_id END,
    version = CASE WHEN v.details_ticks IS NULL THEN excluded.version ELSE v.version END,
    raw = CASE WHEN v.details_ticks IS NULL THEN excluded.raw ELSE v.raw END,
    raw_bytes = CASE WHEN v.details_ticks IS NULL THEN excluded.raw_bytes ELSE v.raw_bytes END,
    read_at = now()
WHERE v.delete_ticks IS NULL
   OR (v.delete_ticks, v.delete_url) < (excluded.delete_ticks, excluded.delete_url)
   OR ((v.delete_ticks, v.delete_url) = (excluded.delete_ticks, excluded.delete_url)
       AND v.details_ticks IS NULL
       AND (v.package_id, v.version, v.raw) IS DISTINCT FROM (excluded.package_id, excluded.version, excluded.raw));
