-- Whether an event touched a package since the last look.
SELECT EXISTS (SELECT FROM raw.nuget_packages WHERE changed_xid >= %(since)s::xid8) AS found;
