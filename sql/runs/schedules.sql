-- What an operator decided about each tick.
SELECT name, enabled, changed_at, changed_by, last_tick, last_run FROM ops.schedules ORDER BY name;
