-- The version of the stored list, and how much of it is stored.
SELECT (SELECT min(list_version) FROM raw.spdx_licenses) AS version,
       (SELECT count(*) FROM raw.spdx_licenses) AS licenses,
       (SELECT count(*) FROM raw.spdx_exceptions) AS exceptions;
