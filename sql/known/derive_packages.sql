-- The package rows whose speaker is certain: no version stands unread that could be listed and rank as high as the best one
-- that is read (see derive_packages in sql/events for the order). Until then a package has no row, or keeps the one it has.
-- Where nobody speaks, a delete whose leaf cannot be fetched says so as well as one that was read.
-- The newest event is found again where more than what was read now may have changed it: `anew` says that leaves were
-- rejected; the 0 keeps the planner from looking for it among the newest events of all packages.
WITH judged AS MATERIALIZED (
    SELECT t.package_key, t.newest, t.uncertain, v.version IS NOT NULL AS speaks, v.package_id, v.version, v.license_expression,
           v.license_url, v.license_file, v.project_url, v.raw, v.declaration, v.created, v.listed,
           NOT EXISTS (SELECT FROM raw.unread_leaves u
                       WHERE u.package_key = t.package_key AND NOT u.rejected AND u.deleted_at IS NULL
                         AND (v.version IS NULL OR NOT v.listed
                              OR (NOT u.is_prerelease, u.sort_key, u.version_key)
                                 >= (NOT v.is_prerelease, v.sort_key, v.version_key))) AS certain
    FROM pg_temp.touched_packages t
    LEFT JOIN LATERAL (
        SELECT * FROM raw.read_versions s
        WHERE s.package_key = t.package_key AND s.deleted_at IS NULL
        ORDER BY s.listed DESC, s.is_prerelease, s.sort_key DESC, s.version_key DESC
        LIMIT 1
    ) AS v ON true
), derived AS (
    SELECT j.*, coalesce(j.package_id, gone.package_id) AS spelled,
           CASE WHEN NOT j.speaks THEN 'deleted' WHEN j.listed THEN 'listed' ELSE 'unlisted' END AS state,
           greatest(j.newest, unread.newest, known.newest) AS newest_event
    FROM judged j
    LEFT JOIN LATERAL (
        SELECT d.package_id FROM raw.nuget_versions d
        WHERE NOT j.speaks AND d.package_key = j.package_key AND d.deleted_at IS NOT NULL
        ORDER BY d.sort_key DESC, d.version_key DESC
        LIMIT 1
    ) AS gone ON true
    CROSS JOIN LATERAL (SELECT max(greatest(u.details_ticks, u.delete_ticks)) AS newest FROM raw.unread_versions u
                        WHERE u.package_key = j.package_key AND (NOT u.rejected OR NOT j.speaks)) AS unread
    CROSS JOIN LATERAL (
        SELECT CASE WHEN %(anew)s OR j.uncertain OR p.commit_ticks IS NULL
                    THEN (SELECT max(r.commit_ticks + 0) FROM raw.read_versions r WHERE r.package_key = j.package_key)
                    ELSE p.commit_ticks END AS newest
        FROM (SELECT 1) AS here LEFT JOIN raw.nuget_packages p ON p.package_key = j.package_key
    ) AS known
    WHERE j.certain AND (j.speaks OR gone.package_id IS NOT NULL)
), written AS (
    INSERT INTO raw.nuget_packages AS p
        (package_key, package_id, latest_version, license_expression, license_url, license_file, project_url, state,
         commit_ticks, raw, declaration, created)
    SELECT package_key, spelled, version, license_expression, license_url, license_file, project_url, state, newest_event,
           raw, declaration, created
    FROM derived
    ORDER BY package_key
    ON CONFLICT (package_key) DO UPDATE SET
        package_id = excluded.package_id, latest_version = excluded.latest_version,
        license_expression = excluded.license_expression, license_url = excluded.license_url,
        license_file = excluded.license_file, project_url = excluded.project_url, state = excluded.state,
        commit_ticks = excluded.commit_ticks, raw = excluded.raw, declaration = excluded.declaration,
        created = excluded.created, changed_xid = pg_current_xact_id()
    WHERE (p.package_id, p.latest_version, p.license_expression, p.license_url, p.license_file, p.project_url, p.state,
           p.commit_ticks, p.declaration, p.created, p.raw)
          IS DISTINCT FROM
          (excluded.package_id, excluded.latest_version, excluded.license_expression, excluded.license_url,
           excluded.license_file, excluded.project_url, excluded.state, excluded.commit_ticks, excluded.declaration,
           excluded.created, excluded.raw)
    RETURNING 1
), settled AS (
    -- By their keys: a join would read the whole table, as nothing is known of how many are certain.
    DELETE FROM raw.unread_packages WHERE package_key = ANY (ARRAY(SELECT package_key FROM judged WHERE certain)) RETURNING 1
)
SELECT (SELECT count(*) FROM written) AS written, (SELECT count(*) FROM settled) AS certain;
