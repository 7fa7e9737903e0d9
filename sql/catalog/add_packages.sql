-- A row to lock for each touched package that has none yet, in key order: every page locks in this order.
-- It is what the page itself tells of the package, so derive_packages seldom has to write it a second time. Where the
-- page deletes a version, or another page comes first, that is left to derive_packages.
WITH brought AS MATERIALIZED (
    SELECT package_key, min(package_id) AS package_id, max(commit_ticks) AS newest, bool_or(is_delete) AS deletes
    FROM pg_temp.incoming
    GROUP BY package_key
    -- One look into the index for each: a join would read the whole table, for nothing is known of how much is incoming.
    HAVING (SELECT 1 FROM raw.nuget_packages p WHERE p.package_key = incoming.package_key) IS NULL
), speaking AS (
    SELECT DISTINCT ON (package_key) *
    FROM pg_temp.incoming
    WHERE NOT is_delete AND package_key IN (SELECT package_key FROM brought WHERE NOT deletes)
    ORDER BY package_key, listed DESC, is_prerelease, sort_key DESC, version_key DESC
)
INSERT INTO raw.nuget_packages (package_key, package_id, latest_version, license_expression, license_url, license_file,
                                project_url, state, commit_ticks, raw, declaration)
SELECT b.package_key, coalesce(s.package_id, b.package_id), s.version, s.license_expression, s.license_url,
       s.license_file, s.project_url,
       CASE WHEN s.version IS NULL THEN 'deleted' WHEN s.listed THEN 'listed' ELSE 'unlisted' END, b.newest, s.raw,
       CASE WHEN s.version IS NOT NULL THEN raw.declaration(s.license_expression, s.license_file, s.license_url) END
FROM brought b LEFT JOIN speaking s USING (package_key)
ORDER BY b.package_key
ON CONFLICT (package_key) DO NOTHING;
