-- What follows from a finished run was sent again.
UPDATE ops.runs SET heartbeat_at = now() WHERE id = ANY (%(ids)s);
