-- The leaves held or rejected of one package, to be fetched again.
SELECT v.package_id, v.version, leaf.kind, leaf.ticks, leaf.url
FROM raw.nuget_versions v
CROSS JOIN LATERAL (VALUES ('details', v.details_ticks, v.details_url),
                           ('delete', v.delete_ticks, v.delete_url)) AS leaf (kind, ticks, url)
WHERE v.package_key = %(package_key)s AND leaf.url IS NOT NULL
UNION
SELECT package_id, version, kind, commit_ticks, leaf_url
FROM ops.rejected_leaves WHERE resolved_at IS NULL AND reason <> 'item' AND lower(package_id) = lower(%(package_key)s)
ORDER BY ticks, url;
