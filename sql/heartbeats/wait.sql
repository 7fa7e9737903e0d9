-- A part of the run is going to be tried again later; its silence until then is no sign of loss.
UPDATE ops.runs SET heartbeat_at = greatest(heartbeat_at, now() + make_interval(secs => %(seconds)s))
WHERE id = %(id)s AND state = 'running';
