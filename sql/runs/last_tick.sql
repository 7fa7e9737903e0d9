-- The last run of a source that its schedule started.
SELECT id, started_at, state FROM ops.runs WHERE source = %(source)s AND kind = 'scheduled' ORDER BY id DESC LIMIT 1;
