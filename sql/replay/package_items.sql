-- The leaves held, unread or rejected of one package, to be fetched again.
SELECT v.package_id, v.version, leaf.kind, leaf.ticks, leaf.url
FROM raw.read_versions v
CROSS JOIN LATERAL (VALUES ('details', v.details_ticks, v.details_url),
                           ('delete', v.delete_ticks, v.delete_url)) AS leaf (kind, ticks, url)
WHERE v.package_key = %(package_key)s AND leaf.url IS NOT NULL
UNION
SELECT u.package_id, u.version, leaf.kind, leaf.ticks, leaf.url
FROM raw.unread_leaves u
CROSS JOIN LATERAL (VALUES ('details', u.details_ticks, u.details_url),
                           ('delete', u.delete_ticks, u.delete_url)) AS leaf (kind, ticks, url)
WHERE u.package_key = %(package_key)s AND leaf.url IS NOT NULL
UNION
SELECT package_id, version, kind, commit_ticks, leaf_url
FROM ops.rejected_leaves WHERE resolved_at IS NULL AND reason <> 'item' AND lower(package_id) = lower(%(package_key)s)
ORDER BY ticks, url;
