-- Of the uncertain packages of a range of keys: the highest unread versions that could outrank the best one that is read. One
-- of each; where those read so far are unlisted, as many again, and behind eight, where hardly any listed one follows, eight
-- times as many: so a package whose versions are all unlisted takes few rounds. %(most)s at most in all, from the first package
-- on: the others have their turn in a later round.
SELECT wanted.*
FROM (
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
        SELECT count(*) AS unlisted FROM raw.read_versions r
        WHERE r.package_key = d.package_key AND r.deleted_at IS NULL AND NOT r.listed
    ) AS known
    CROSS JOIN LATERAL (
        SELECT * FROM raw.unread_leaves l
        WHERE l.package_key = d.package_key AND NOT l.rejected AND l.deleted_at IS NULL
          AND (v.version IS NULL OR NOT v.listed
               OR (NOT l.is_prerelease, l.sort_key, l.version_key) >= (NOT v.is_prerelease, v.sort_key, v.version_key))
        ORDER BY l.is_prerelease, l.sort_key DESC, l.version_key DESC
        LIMIT least(%(most)s, CASE WHEN known.unlisted < 8 THEN greatest(1, known.unlisted) ELSE 8 * known.unlisted END)
    ) AS u
    WHERE d.package_key > %(start)s AND d.package_key <= %(stop)s
    ORDER BY d.package_key
    LIMIT %(most)s
) AS wanted
ORDER BY package_key, version_key;
