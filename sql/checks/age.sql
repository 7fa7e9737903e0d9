-- Seconds since a source last succeeded ("nothing new" is a success), or nothing when it never did.
SELECT extract(epoch FROM now() - max(finished_at))::float8
FROM ops.runs WHERE source = %(source)s AND state IN ('done', 'caught_up') AND action NOT IN ('replay', 'read');
