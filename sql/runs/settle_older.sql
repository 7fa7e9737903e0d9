-- What follows a newer run covers these too.
UPDATE ops.runs SET settled_at = now() WHERE id = ANY (%(ids)s) AND settled_at IS NULL;
