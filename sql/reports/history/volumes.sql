-- What the last runs that had pages to read brought, oldest first.
SELECT id, source, action, state, started_at, leaves, rejected, pages_done, pages_total, seconds
FROM (SELECT id, source, action, state, started_at, leaves, rejected, pages_done, pages_total,
             extract(epoch FROM finished_at - started_at)::float8 AS seconds
      FROM ops.runs WHERE pages_total > 0 AND finished_at IS NOT NULL ORDER BY id DESC LIMIT %(most)s) AS last
ORDER BY id;
