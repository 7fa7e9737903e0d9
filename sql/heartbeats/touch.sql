-- What follows from ended runs was sent again.
UPDATE ops.runs SET heartbeat_at = now() WHERE id = ANY (%(ids)s);
