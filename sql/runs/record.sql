-- A run that ended as it began: skipped, say.
INSERT INTO ops.runs (source, kind, action, state, finished_at, error, task_id, root_id, cause_id, settled_at)
VALUES (%(source)s, %(kind)s, %(action)s, %(state)s, now(), %(error)s, %(task_id)s, %(root_id)s, %(cause_id)s, now())
RETURNING id;
