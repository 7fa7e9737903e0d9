-- The newest scan, sync, fetch and reading of leaves, where a next one has to follow and has not begun: it was lost, or more pages remain,
-- or a tick came while it was in progress and was skipped, so what was published meanwhile would wait for the next tick.
-- A scan that goes on is of the run's kind; the one that a skipped tick asks for is of that tick's. A lost run is returned at once, every other one %(after)s seconds after its end, and each again after as long (see touch.sql).
SELECT id, action, CASE WHEN state = 'lost' OR more_pages THEN kind ELSE coalesce(skipped_kind, kind) END AS kind, root_id, more_pages AS more,
       CASE WHEN state = 'lost' THEN pages_left + pages_total WHEN more_pages THEN pages_left END AS pages_left
FROM (VALUES ('nuget', 'scan'), ('spdx', 'sync'), ('texts', 'fetch'), ('nuget', 'read')) AS every (source, action)
CROSS JOIN LATERAL (
    SELECT id, kind, state, root_id, pages_total, pages_left, heartbeat_at, finished_at,
           state = 'done' AND more AND pages_left IS DISTINCT FROM 0 AS more_pages,
           EXISTS (SELECT FROM ops.runs s WHERE s.source = r.source AND s.action = r.action AND s.id > r.id) AS skipped,
           (SELECT s.kind FROM ops.runs s WHERE s.source = r.source AND s.action = r.action AND s.id > r.id
            ORDER BY s.kind = 'scheduled' DESC, s.id DESC LIMIT 1) AS skipped_kind
    FROM ops.runs r
    WHERE r.source = every.source AND r.action = every.action AND r.state <> 'skipped'
    ORDER BY r.id DESC
    LIMIT 1
) AS newest
WHERE (%(id)s::bigint IS NULL OR id = %(id)s)
  AND (state = 'lost' OR more_pages OR (action <> 'read' AND state IN ('done', 'caught_up', 'failed') AND skipped))
  AND (heartbeat_at < now() - make_interval(secs => %(after)s) OR (state = 'lost' AND heartbeat_at = finished_at))
ORDER BY id;
