-- Packages to look at besides: those with a version whose declaration moved. Reads every version, and is asked only then.
SELECT coalesce(array_agg(package_key), '{}') AS package_keys
FROM (SELECT DISTINCT package_key FROM raw.read_versions WHERE declaration IN (SELECT declaration FROM pg_temp.moved)) AS one;
