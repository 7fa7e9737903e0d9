-- The row of a run, locked until the transaction ends.
SELECT FROM ops.runs WHERE id = %(id)s FOR NO KEY UPDATE;
