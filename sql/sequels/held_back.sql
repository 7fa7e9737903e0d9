-- The newest run that a closed gate ended, where no classification has begun since: the one that has to follow when the gate
-- opens. %(at_once)s says that it opened just now; else each is sent again after %(after)s seconds (see touch.sql).
SELECT r.id, CASE WHEN r.action = 'classify' THEN coalesce(r.cause_id, r.id) ELSE r.id END AS cause_id
FROM ops.runs r
WHERE r.state = 'blocked'
  AND r.finished_at > coalesce((SELECT c.started_at FROM ops.runs c
                                WHERE c.source = 'verdicts' AND c.state IN ('running', 'done', 'caught_up')
                                ORDER BY c.id DESC LIMIT 1), '-infinity')
  AND (%(at_once)s OR r.heartbeat_at < now() - make_interval(secs => %(after)s))
ORDER BY r.finished_at DESC
LIMIT 1;
