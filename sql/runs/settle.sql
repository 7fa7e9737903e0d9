-- All that follows from these runs is through, or follows a newer one that covers them.
UPDATE ops.runs SET settled_at = now() WHERE id = ANY (%(ids)s) AND settled_at IS NULL;
