-- What else there is to say of a run.
UPDATE ops.runs SET detail = detail || %(detail)s WHERE id = %(id)s;
