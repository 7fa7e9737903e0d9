-- The leaves held of one package, to be fetched again.
SELECT version.package_id, version.version, leaf.kind, leaf.ticks, leaf.url
FROM raw.nuget_versions version
CROSS JOIN LATERAL (VALUES ('details', version.details_ticks, version.details_url),
                           ('delete', version.delete_ticks, version.delete_url)) AS leaf (kind, ticks, url)
WHERE version.package_key = %(package_key)s AND leaf.url IS NOT NULL
ORDER BY leaf.ticks, leaf.url;
