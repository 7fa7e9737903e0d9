-- Packages to look at: those that an event touched since the last look.
INSERT INTO pg_temp.touched SELECT package_key FROM raw.nuget_packages WHERE changed_xid >= %(since)s::xid8;
