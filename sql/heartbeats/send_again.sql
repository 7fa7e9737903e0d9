-- Upkeep sends the callback of a run again: it gets a new sign of life and a count.
UPDATE ops.runs SET heartbeat_at = now(), sends = sends + 1 WHERE id = %(id)s AND state = 'running';
