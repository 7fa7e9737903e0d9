-- The last results of a check, oldest first.
SELECT id, name, gate, blocking, passed, value, threshold, message, run_id, checked_at
FROM (SELECT * FROM ops.check_results WHERE name = %(name)s ORDER BY id DESC LIMIT %(most)s) AS last
ORDER BY id;
