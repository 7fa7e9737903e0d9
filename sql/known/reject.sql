-- Leaves that could not be fetched: what was announced before them, or nothing, is what is known of their versions. Where the
-- version is read from an older leaf, that counts; where a delete is known, its leaf is next.
WITH lost AS (
    SELECT l.package_key, l.version_key, l.details_ticks IS NOT NULL AS is_details, l.delete_ticks IS NOT NULL AS has_delete,
           (SELECT 1 FROM raw.read_versions r
            WHERE r.package_key = l.package_key AND r.version_key = l.version_key) IS NOT NULL AS is_read
    FROM unnest(%(package_keys)s::text[], %(version_keys)s::text[], %(urls)s::text[])
         AS said (package_key, version_key, url)
    CROSS JOIN LATERAL (SELECT * FROM raw.unread_leaves l
                        WHERE l.package_key = said.package_key AND l.version_key = said.version_key LIMIT 1) AS l
    WHERE said.url = coalesce(l.details_url, l.delete_url)
), gone AS (
    DELETE FROM raw.unread_versions u USING lost
    WHERE u.package_key = lost.package_key AND u.version_key = lost.version_key AND lost.is_read
    RETURNING 1
)
UPDATE raw.unread_versions u
SET rejected = NOT (lost.is_details AND lost.has_delete),
    details_ticks = CASE WHEN NOT (lost.is_details AND lost.has_delete) THEN u.details_ticks END,
    details_url = CASE WHEN NOT (lost.is_details AND lost.has_delete) THEN u.details_url END
FROM lost
WHERE u.package_key = lost.package_key AND u.version_key = lost.version_key AND NOT lost.is_read;
