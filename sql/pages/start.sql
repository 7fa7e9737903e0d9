-- The page is taken up, which is a sign of life of its run; no row when it is done already, or its run is not running. A
-- statement of its own that does not wait for the disk: a crash of the server forgets that it was begun, as it forgets
-- whatever would have come of it. Gives the run too, and whether lines of the page stand, or stood, rejected as odd.
WITH alive AS (
    UPDATE ops.runs SET heartbeat_at = now()
    WHERE id = %(run_id)s AND state = 'running' AND heartbeat_at < now() - make_interval(secs => %(every)s)
)
UPDATE ops.run_pages p SET attempts = p.attempts + 1, started_at = coalesce(p.started_at, now()), error = NULL
FROM ops.runs r
WHERE p.run_id = %(run_id)s AND p.page_url = %(page_url)s AND p.state = 'pending' AND r.id = p.run_id AND r.state = 'running'
  AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL
RETURNING p.attempts, p.page_ticks, p.page_count, p.kind AS page_kind, p.page_end,
          EXISTS (SELECT FROM ops.rejected_leaves l
                  WHERE l.leaf_url > p.page_url || '#item-' AND l.leaf_url < p.page_url || '#item.'
                    AND l.reason = 'item') AS odd,
          r.id, r.source, r.kind, r.action, r.state, r.after_ticks, r.floor_ticks, r.up_to_ticks, r.newest_ticks, r.more,
          r.catalog, r.root_id, r.cause_id, r.task_id, r.error, r.leaves, r.rejected, r.pages_total, r.pages_left, r.knows,
          r.rest, r.settled_at IS NOT NULL AS settled;
