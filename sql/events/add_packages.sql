-- A row to lock for each touched package that has none yet, in key order: every page locks in this order.
-- What the page says is all there is of such a package, so the row is written as it should be, and returned: nothing is
-- left of it to derive. Where the page also deletes a version, or versions lie here without their package's row, the row
-- is a stub; where another page comes first, there is none of ours. Both are left to derive_packages.
WITH brought AS MATERIALIZED (
    SELECT package_key, min(package_id) AS package_id, max(commit_ticks) AS newest,
           NOT bool_or(is_delete)
           AND (SELECT 1 FROM raw.read_versions v WHERE v.package_key = incoming.package_key LIMIT 1) IS NULL AS whole
    FROM pg_temp.incoming
    GROUP BY package_key
    -- One look into the index for each: a join would read the whole table, for nothing is known of how much is incoming.
    HAVING (SELECT 1 FROM raw.nuget_packages p WHERE p.package_key = incoming.package_key) IS NULL
), speaking AS (
    SELECT DISTINCT ON (package_key) *
    FROM pg_temp.incoming
    WHERE package_key IN (SELECT package_key FROM brought WHERE whole)
    ORDER BY package_key, listed DESC, is_prerelease, sort_key DESC, version_key DESC
), added AS (
    INSERT INTO raw.nuget_packages (package_key, package_id, latest_version, license_expression, license_url,
                                    license_file, project_url, state, commit_ticks, raw, declaration, created)
    SELECT b.package_key, coalesce(s.package_id, b.package_id), s.version, s.license_expression, s.license_url,
           s.license_file, s.project_url,
           CASE WHEN s.version IS NULL THEN 'deleted' WHEN s.listed THEN 'listed' ELSE 'unlisted' END, b.newest, s.raw,
           CASE WHEN s.version IS NOT NULL THEN raw.declaration(s.license_expression, s.license_file, s.license_url) END,
           s.created
    FROM brought b LEFT JOIN speaking s USING (package_key)
    ORDER BY b.package_key
    ON CONFLICT (package_key) DO NOTHING
    RETURNING package_key, state
)
SELECT coalesce(array_agg(package_key), '{}') AS whole FROM added WHERE state <> 'deleted';
