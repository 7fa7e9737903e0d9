-- The package row always follows from its versions: the highest listed stable one speaks, else the highest listed
-- prerelease, else the highest unlisted stable one, else the highest unlisted prerelease; with none left it is deleted.
-- Needs its own statement after the versions are written, under the locks of lock_packages. Those that add_packages has
-- just written whole are left alone.
WITH touched AS (
    SELECT package_key, max(commit_ticks) AS newest FROM pg_temp.incoming
    WHERE package_key NOT IN (SELECT unnest(%(whole)s::text[]))
    GROUP BY package_key
    ORDER BY package_key  -- Neighbours in the indexes, which matters when all packages are derived again.
)
UPDATE raw.nuget_packages p SET
    package_id = x.package_id, latest_version = x.version, license_expression = x.license_expression,
    license_url = x.license_url, license_file = x.license_file, project_url = x.project_url, state = x.state,
    commit_ticks = greatest(x.newest, p.commit_ticks), raw = x.raw, declaration = x.declaration,
    created = x.created, changed_xid = pg_current_xact_id()
FROM (
    SELECT touched.package_key, coalesce(v.package_id, gone.package_id) AS package_id, v.version, v.license_expression,
           v.license_url, v.license_file, v.project_url, v.raw, v.declaration, v.created,
           CASE WHEN v.version IS NULL THEN 'deleted' WHEN v.listed THEN 'listed' ELSE 'unlisted' END AS state,
           touched.newest
    FROM touched
    LEFT JOIN LATERAL (
        SELECT * FROM raw.read_versions s
        WHERE s.package_key = touched.package_key AND s.deleted_at IS NULL
        ORDER BY s.listed DESC, s.is_prerelease, s.sort_key DESC, s.version_key DESC
        LIMIT 1
    ) AS v ON true
    LEFT JOIN LATERAL (
        SELECT d.package_id FROM raw.read_versions d
        WHERE v.version IS NULL AND d.package_key = touched.package_key
        ORDER BY d.sort_key DESC, d.version_key DESC
        LIMIT 1
    ) AS gone ON true
) AS x
WHERE p.package_key = x.package_key
  AND (p.package_id, p.latest_version, p.license_expression, p.license_url, p.license_file, p.project_url, p.state,
       p.commit_ticks, p.declaration, p.created, p.raw)
      IS DISTINCT FROM
      (x.package_id, x.version, x.license_expression, x.license_url, x.license_file, x.project_url, x.state,
       greatest(x.newest, p.commit_ticks), x.declaration, x.created, x.raw);
