-- The ticks: their crontab as beat has it, what an operator decided, and when a tick last came, with the run it started and how that ended. The scans
-- that continue a tick's chain or take over its lost run are no ticks of their own. Of one that was fired by hand (s.last_tick) the run is not known.
SELECT s.name, s.cron, s.enabled, s.changed_at, s.changed_by, greatest(s.last_tick, tick.started_at) AS last_tick,
       CASE WHEN s.last_tick > tick.started_at THEN s.last_run ELSE coalesce(tick.id, s.last_run) END AS last_run,
       CASE WHEN s.last_tick > tick.started_at THEN NULL ELSE tick.state END AS last_result
FROM ops.schedules s
LEFT JOIN LATERAL (SELECT id, state, started_at FROM ops.runs
                   WHERE source = s.name AND kind = 'scheduled' AND cause_id IS NULL AND coalesce(root_id, id) = id
                   ORDER BY id DESC LIMIT 1) AS tick ON true
ORDER BY s.name;
