-- What is stored, in a few numbers.
SELECT (SELECT count(*) FROM raw.nuget_packages) AS packages,
       (SELECT count(*) FROM raw.nuget_packages WHERE state = 'deleted') AS deleted,
       (SELECT count(*) FROM raw.nuget_versions) AS versions,
       (SELECT count(*) FROM raw.unread_versions) AS versions_unread,
       (SELECT count(*) FROM raw.unread_packages u
        WHERE NOT EXISTS (SELECT FROM raw.nuget_packages p WHERE p.package_key = u.package_key)) AS packages_unread,
       (SELECT watermark FROM ops.watermarks WHERE source = 'nuget') AS watermark,
       (SELECT min(list_version) FROM raw.spdx_licenses) AS list_version,
       (SELECT name FROM ops.catalog) AS catalog,
       (SELECT count(*) FROM ops.rejected_leaves WHERE resolved_at IS NULL) AS open_rejects;
