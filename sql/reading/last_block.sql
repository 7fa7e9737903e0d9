-- The last of some blocks that holds an unread leaf that is not rejected, if any does.
SELECT (max(ctid)::text::point)[0]::bigint AS block
FROM raw.unread_versions
WHERE ctid >= format('(%%s,0)', %(start)s::bigint)::tid AND ctid < format('(%%s,0)', %(stop)s::bigint)::tid AND NOT rejected;
