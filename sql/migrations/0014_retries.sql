-- A run of which a part is tried again says since when, why, and when next; what it says holds until some page of it ends.
ALTER TABLE ops.runs
    ADD COLUMN retry_since   timestamptz,  -- the first try that failed, with no page done since
    ADD COLUMN retry_noted   timestamptz,  -- the last one
    ADD COLUMN retry_at      timestamptz,  -- when the next one begins
    ADD COLUMN retry_because text;

CREATE FUNCTION ops.retry(r ops.runs) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('since', r.retry_since, 'at', r.retry_at, 'because', r.retry_because)
    WHERE r.state = 'running' AND r.retry_noted IS NOT NULL
      AND NOT EXISTS (SELECT FROM ops.run_pages p
                      WHERE p.run_id = r.id AND p.state = 'done' AND p.finished_at > r.retry_noted)
$$;
