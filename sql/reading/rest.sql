-- The unread leaves of some blocks: details first, the delete of a version of which nothing else is unread.
SELECT package_key, version_key, package_id, version,
       CASE WHEN details_ticks IS NOT NULL THEN 'details' ELSE 'delete' END AS kind,
       coalesce(details_ticks, delete_ticks) AS ticks, coalesce(details_url, delete_url) AS url
FROM raw.unread_leaves
WHERE place >= format('(%%s,0)', %(start)s::bigint)::tid AND place < format('(%%s,0)', %(stop)s::bigint)::tid AND NOT rejected
ORDER BY package_key, version_key;
