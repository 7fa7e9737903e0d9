-- Of a version whose details stand unread, a delete that was read is known beside them. Few versions have one, so that is asked
-- first: of the others no address is made.
UPDATE raw.unread_versions known SET delete_ticks = v.delete_ticks, delete_url = v.delete_url
FROM unnest(%(package_keys)s::text[], %(version_keys)s::text[]) AS settled (package_key, version_key)
CROSS JOIN LATERAL (SELECT * FROM raw.read_versions r
                    WHERE r.package_key = settled.package_key AND r.version_key = settled.version_key
                      AND r.delete_ticks IS NOT NULL LIMIT 1) AS v
CROSS JOIN LATERAL (SELECT * FROM raw.unread_leaves l
                    WHERE l.package_key = v.package_key AND l.version_key = v.version_key LIMIT 1) AS u
WHERE known.package_key = v.package_key AND known.version_key = v.version_key
  AND (u.delete_ticks IS NULL OR (u.delete_ticks, u.delete_url) < (v.delete_ticks, v.delete_url));
