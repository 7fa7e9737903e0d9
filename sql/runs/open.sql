-- A new running run; the partial unique index refuses a second one of its source.
INSERT INTO ops.runs (source, kind, action, state, task_id, root_id, cause_id)
VALUES (%(source)s, %(kind)s, %(action)s, 'running', %(task_id)s, %(root_id)s, %(cause_id)s)
RETURNING id;
