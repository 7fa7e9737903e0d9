-- Whether a package was touched since the last look, by an event or by a text that it speaks by.
SELECT EXISTS (SELECT FROM raw.nuget_packages WHERE changed_xid >= %(since)s::xid8) AS found;
