-- The newest result of each check.
SELECT c.* FROM (SELECT unnest(%(names)s::text[]) AS name) AS wanted
CROSS JOIN LATERAL (SELECT name, gate, blocking, passed, value, threshold, message, run_id, checked_at
                    FROM ops.check_results r WHERE r.name = wanted.name ORDER BY id DESC LIMIT 1) AS c
ORDER BY c.blocking DESC, c.name;
