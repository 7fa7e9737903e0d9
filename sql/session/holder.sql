-- The oldest transaction that holds a lock on a table of ours: who it is, as far as this role may see.
SELECT a.pid, a.usename AS name, a.state, extract(epoch FROM clock_timestamp() - a.xact_start)::float AS seconds
FROM pg_locks AS l
JOIN pg_class AS c ON c.oid = l.relation
JOIN pg_stat_activity AS a USING (pid)
WHERE l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND c.relnamespace IN (to_regnamespace('raw'), to_regnamespace('enriched'), to_regnamespace('ops'))
  AND a.pid <> pg_backend_pid()
ORDER BY a.xact_start
LIMIT 1;
