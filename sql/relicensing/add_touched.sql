-- The packages to look at: those that an event touched since the last look, and those of a declaration that moved.
INSERT INTO pg_temp.touched
SELECT package_key FROM raw.nuget_packages WHERE changed_xid >= %(since)s::xid8
UNION
SELECT package_key FROM raw.nuget_versions WHERE declaration IN (SELECT declaration FROM pg_temp.moved);
