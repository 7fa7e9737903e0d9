-- A sign of life, at most once in %(every)s seconds.
UPDATE ops.runs SET heartbeat_at = now()
WHERE id = %(id)s AND state = 'running' AND heartbeat_at < now() - make_interval(secs => %(every)s);
