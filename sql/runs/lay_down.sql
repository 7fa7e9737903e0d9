-- How many pages a run has that reads no catalog.
UPDATE ops.runs SET pages_total = %(pages_total)s, root_id = coalesce(root_id, id), heartbeat_at = now()
WHERE id = %(id)s AND state = 'running';
