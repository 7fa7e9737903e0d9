-- The sessions of this database that have waited for a lock for more than %(over)s seconds, the longest first, and who holds
-- them up. What a role may not see of another's sessions is NULL.
SELECT waiting.pid, waiting.application_name AS application, host(waiting.client_addr) AS client, lock.waitstart AS since,
       extract(epoch FROM clock_timestamp() - lock.waitstart)::float8 AS seconds, holders.held_by
FROM pg_locks lock
JOIN pg_stat_activity waiting ON waiting.pid = lock.pid
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'pid', holder.pid, 'application', holder.application_name, 'client', host(holder.client_addr),
               'state', holder.state,
               'seconds', extract(epoch FROM clock_timestamp() - holder.state_change)::float8) ORDER BY holder.pid), '[]')
           AS held_by
    FROM pg_stat_activity holder
    WHERE holder.pid = ANY (pg_blocking_pids(lock.pid))) AS holders
WHERE NOT lock.granted AND waiting.datname = current_database()
  AND lock.waitstart < clock_timestamp() - make_interval(secs => %(over)s)
ORDER BY lock.waitstart
LIMIT %(most)s;
