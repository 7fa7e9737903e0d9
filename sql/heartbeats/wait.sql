-- A part of the run is going to be tried again later, and why; its silence until then is no sign of loss.
UPDATE ops.runs r SET heartbeat_at = greatest(heartbeat_at, now() + make_interval(secs => %(seconds)s)),
    retry_since = CASE WHEN ops.retry(r) IS NULL THEN now() ELSE retry_since END, retry_noted = now(),
    retry_at = now() + make_interval(secs => %(seconds)s), retry_because = %(because)s
WHERE id = %(id)s AND state = 'running';
