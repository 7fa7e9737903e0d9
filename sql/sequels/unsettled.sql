-- Finished runs whose gate and classification never came to an end, newest first.
SELECT id, source, kind FROM ops.runs
WHERE state IN ('done', 'caught_up') AND settled_at IS NULL AND source IN ('nuget', 'spdx', 'texts')
  AND heartbeat_at < now() - make_interval(secs => %(lost_after)s)
ORDER BY id DESC;
