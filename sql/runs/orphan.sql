-- A running run that no worker is left to carry on.
UPDATE ops.runs SET state = 'lost', finished_at = now(), settled_at = now(),
    error = 'no worker answered any more when a new run began'
WHERE id = %(id)s AND state = 'running';
