-- What runs that ended %(keep)s seconds ago asked license files for goes, %(most)s rows at a time.
DELETE FROM ops.run_texts WHERE ctid IN (
    SELECT t.ctid
    FROM ops.run_texts t JOIN ops.runs r ON r.id = t.run_id
    WHERE t.run_id <= (SELECT max(id) FROM ops.runs WHERE started_at < now() - make_interval(secs => %(keep)s))
      AND r.finished_at < now() - make_interval(secs => %(keep)s)
    LIMIT %(most)s);
