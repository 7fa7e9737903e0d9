-- One run.
SELECT id, source, kind, action, state, after_ticks, floor_ticks, up_to_ticks, newest_ticks, more, catalog, root_id,
       cause_id, task_id, error, leaves, rejected, pages_total, pages_left, knows, rest, settled_at IS NOT NULL AS settled
FROM ops.runs WHERE id = %(id)s;
