-- The unread leaf of one version, if it has one.
SELECT package_key, version_key, package_id, version,
       CASE WHEN details_ticks IS NOT NULL THEN 'details' ELSE 'delete' END AS kind,
       coalesce(details_ticks, delete_ticks) AS ticks, coalesce(details_url, delete_url) AS url
FROM raw.unread_leaves
WHERE package_key = %(package_key)s AND version_key = %(version_key)s;
