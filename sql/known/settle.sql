-- Versions of which nothing newer was announced than what is read, or nothing but what cannot be fetched.
DELETE FROM raw.unread_versions known
USING unnest(%(package_keys)s::text[], %(version_keys)s::text[]) AS settled (package_key, version_key)
CROSS JOIN LATERAL (SELECT * FROM raw.unread_leaves l
                    WHERE l.package_key = settled.package_key AND l.version_key = settled.version_key LIMIT 1) AS u
CROSS JOIN LATERAL (SELECT * FROM raw.read_versions r
                    WHERE r.package_key = settled.package_key AND r.version_key = settled.version_key LIMIT 1) AS v
WHERE known.package_key = settled.package_key AND known.version_key = settled.version_key
  AND (known.rejected
       OR (u.details_ticks IS NULL OR (v.details_ticks, v.details_url) >= (u.details_ticks, u.details_url))
          AND (u.delete_ticks IS NULL OR (v.delete_ticks, v.delete_url) >= (u.delete_ticks, u.delete_url)));
