-- What the gates behind a run measured, in order.
SELECT name, gate, blocking, passed, value, threshold, message, checked_at
FROM ops.check_results WHERE run_id = %(id)s ORDER BY id;
