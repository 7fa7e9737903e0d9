-- A round gets its number: the one behind that of the round it follows.
UPDATE ops.runs SET detail = detail || jsonb_build_object('round', 1 + coalesce(
    (SELECT (detail ->> 'round')::integer FROM ops.runs cause
     WHERE cause.id = %(cause_id)s AND cause.action = 'read' AND NOT cause.rest), 0))
WHERE id = %(id)s;
