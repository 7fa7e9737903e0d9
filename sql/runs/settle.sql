-- All that follows from this run is through.
UPDATE ops.runs SET settled_at = now() WHERE id = %(id)s AND settled_at IS NULL;
