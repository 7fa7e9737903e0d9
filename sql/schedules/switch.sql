-- An operator enables or disables a tick.
UPDATE ops.schedules SET enabled = %(enabled)s, changed_at = now(), changed_by = %(by)s
WHERE name = %(name)s AND enabled <> %(enabled)s;
