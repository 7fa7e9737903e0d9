-- The runs that came of a run: those it triggered, and the scans that continued it.
SELECT id, source, action, kind, state, started_at, error
FROM ops.runs WHERE (cause_id = %(id)s OR root_id = %(id)s) AND id <> %(id)s ORDER BY id LIMIT 100;
