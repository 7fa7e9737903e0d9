-- The pages of runs that ended %(keep)s seconds ago go, %(most)s at a time. Those of the last scan that was done stay, for the
-- next one looks at them, and those of a scan that is blocked. No page of a run behind the horizon is looked at.
WITH horizon AS (
    SELECT max(id) AS id FROM ops.runs WHERE started_at < now() - make_interval(secs => %(keep)s)
)
DELETE FROM ops.run_pages WHERE ctid IN (
    SELECT p.ctid
    FROM ops.run_pages p JOIN ops.runs r ON r.id = p.run_id
    WHERE p.run_id <= (SELECT id FROM horizon)
      AND r.finished_at < now() - make_interval(secs => %(keep)s) AND r.state <> 'blocked'
      AND r.id IS DISTINCT FROM (SELECT max(id) FROM ops.runs WHERE source = 'nuget' AND action = 'scan'
                                                                AND state = 'done' AND up_to_ticks IS NOT NULL)
    LIMIT %(most)s);
