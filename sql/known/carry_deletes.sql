-- Of a version whose details stand unread, a delete that was read is known beside them.
UPDATE raw.unread_versions known SET delete_ticks = v.delete_ticks, delete_url = v.delete_url
FROM unnest(%(package_keys)s::text[], %(version_keys)s::text[]) AS settled (package_key, version_key)
CROSS JOIN LATERAL (SELECT * FROM raw.unread_leaves l
                    WHERE l.package_key = settled.package_key AND l.version_key = settled.version_key LIMIT 1) AS u
CROSS JOIN LATERAL (SELECT * FROM raw.read_versions r
                    WHERE r.package_key = settled.package_key AND r.version_key = settled.version_key LIMIT 1) AS v
WHERE known.package_key = settled.package_key AND known.version_key = settled.version_key
  AND v.delete_ticks IS NOT NULL
  AND (u.delete_ticks IS NULL OR (u.delete_ticks, u.delete_url) < (v.delete_ticks, v.delete_url));
