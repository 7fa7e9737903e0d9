-- The running scan or sync of a source, or its running reading of leaves, if any, and how long ago it gave a sign of life.
SELECT id, task_id, extract(epoch FROM now() - heartbeat_at)::float8 AS silent
FROM ops.runs WHERE source = %(source)s AND state = 'running' AND action = ANY (%(actions)s);
