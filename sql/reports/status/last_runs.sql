-- The last runs that ended, newest first; those that were skipped because another was running are left out.
SELECT id, source, action, kind, state, started_at, finished_at,
       extract(epoch FROM finished_at - started_at)::float8 AS seconds,
       pages_total, pages_done, pages_failed, leaves, rejected, error
FROM ops.runs WHERE state NOT IN ('running', 'skipped') ORDER BY id DESC LIMIT %(most)s;
