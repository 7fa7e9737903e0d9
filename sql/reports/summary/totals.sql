-- What is stored, in a few numbers.
SELECT (SELECT count(*) FROM raw.nuget_packages) AS packages,
       (SELECT count(*) FROM raw.nuget_packages WHERE state = 'deleted') AS deleted,
       (SELECT count(*) FROM raw.nuget_versions) AS versions,
       (SELECT watermark FROM ops.watermarks WHERE source = 'nuget') AS watermark,
       (SELECT min(list_version) FROM raw.spdx_licenses) AS list_version,
       (SELECT name FROM ops.catalog) AS catalog,
       (SELECT count(*) FROM ops.rejected_leaves WHERE resolved_at IS NULL) AS open_rejects;
