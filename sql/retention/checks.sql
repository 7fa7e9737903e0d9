-- The results of checks of %(keep)s seconds ago go, %(most)s at a time, the oldest first; the newest of each check stays,
-- whatever its age. There are few checks, so few rows are passed over.
DELETE FROM ops.check_results WHERE ctid IN (
    SELECT c.ctid
    FROM (SELECT id, ctid, name, checked_at FROM ops.check_results ORDER BY id LIMIT %(most)s) AS c
    WHERE c.checked_at < now() - make_interval(secs => %(keep)s)
      AND EXISTS (SELECT FROM ops.check_results later WHERE later.name = c.name AND later.id > c.id));
