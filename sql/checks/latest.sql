-- The newest result of each check. Between the name and itself, in the order of the index, for one that was never measured
-- would be looked for among all others.
SELECT c.* FROM (SELECT unnest(%(names)s::text[]) AS name) AS wanted
CROSS JOIN LATERAL (SELECT name, gate, blocking, passed, value, threshold, message, run_id, checked_at
                    FROM ops.check_results r WHERE r.name BETWEEN wanted.name AND wanted.name
                    ORDER BY r.name, id DESC LIMIT 1) AS c
ORDER BY c.blocking DESC, c.name;
