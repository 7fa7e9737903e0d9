-- When upkeep last recorded freshness, which it does every minute: a sign of life of beat and the workers.
SELECT checked_at, extract(epoch FROM now() - checked_at)::float8 AS age_seconds
FROM ops.check_results WHERE name = %(check)s AND run_id IS NULL ORDER BY id DESC LIMIT 1;
