-- Packages to look at: those with a version whose declaration moved. Reads every version, and is asked only then.
INSERT INTO pg_temp.touched
SELECT DISTINCT package_key FROM raw.nuget_versions WHERE declaration IN (SELECT declaration FROM pg_temp.moved)
ON CONFLICT DO NOTHING;
