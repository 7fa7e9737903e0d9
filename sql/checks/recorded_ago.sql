-- Seconds since a check was last recorded outside of a run; nothing when it never was.
SELECT extract(epoch FROM now() - checked_at)::float8 AS seconds
FROM ops.check_results WHERE name = %(name)s AND run_id IS NULL ORDER BY id DESC LIMIT 1;
