-- Whether a package was touched since the last look, by an event or by a text that it speaks by. The newest touch says so: a
-- plan that is kept for any `since` would look for one from the table's beginning, and read all of it where there is none.
SELECT coalesce((SELECT changed_xid FROM raw.nuget_packages ORDER BY changed_xid DESC LIMIT 1) >= %(since)s::xid8, false)
           AS found;
