-- Of the uncertain packages of a range of keys: the highest unread versions that could outrank the best one that is read. One
-- of each, and where those read so far are unlisted, as many again: so a package whose versions are all unlisted takes few
-- rounds.
SELECT u.package_key, u.version_key, u.package_id, u.version, 'details' AS kind, u.details_ticks AS ticks,
       u.details_url AS url
FROM raw.unread_packages d
LEFT JOIN LATERAL (
    SELECT * FROM raw.read_versions s
    WHERE s.package_key = d.package_key AND s.deleted_at IS NULL
    ORDER BY s.listed DESC, s.is_prerelease, s.sort_key DESC, s.version_key DESC
    LIMIT 1
) AS v ON true
CROSS JOIN LATERAL (
    SELECT * FROM raw.unread_leaves l
    WHERE l.package_key = d.package_key AND NOT l.rejected AND l.deleted_at IS NULL
      AND (v.version IS NULL OR NOT v.listed
           OR (NOT l.is_prerelease, l.sort_key, l.version_key) >= (NOT v.is_prerelease, v.sort_key, v.version_key))
    ORDER BY l.is_prerelease, l.sort_key DESC, l.version_key DESC
    LIMIT least(%(most)s, greatest(1, (SELECT count(*) FROM raw.read_versions r
                                       WHERE r.package_key = d.package_key AND r.deleted_at IS NULL AND NOT r.listed)))
) AS u
WHERE d.package_key > %(start)s AND d.package_key <= %(stop)s
ORDER BY u.package_key, u.version_key;
