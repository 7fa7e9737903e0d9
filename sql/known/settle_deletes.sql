-- A version that is read now is deleted by what was announced of it.
UPDATE raw.read_versions v SET delete_ticks = u.delete_ticks, delete_url = u.delete_url
FROM unnest(%(package_keys)s::text[], %(version_keys)s::text[]) AS settled (package_key, version_key)
CROSS JOIN LATERAL (SELECT * FROM raw.unread_leaves l
                    WHERE l.package_key = settled.package_key AND l.version_key = settled.version_key
                      AND l.delete_ticks IS NOT NULL LIMIT 1) AS u
WHERE v.package_key = u.package_key AND v.version_key = u.version_key AND v.details_ticks IS NOT NULL
  AND (v.delete_ticks IS NULL OR (v.delete_ticks, v.delete_url) < (u.delete_ticks, u.delete_url));
