-- What else there is to say of a run.
SELECT heartbeat_at, settled_at, task_id, more, detail,
       extract(epoch FROM now() - heartbeat_at)::float8 AS silent_seconds, ops.retry(r) AS retry
FROM ops.runs r WHERE id = %(id)s;
