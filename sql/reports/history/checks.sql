-- The last results of each of these checks, so many of each, oldest first. Between the name and itself, in the order of the
-- index, for one that was never measured would be looked for among all others.
SELECT last.*
FROM unnest(%(names)s::text[]) AS wanted (name)
CROSS JOIN LATERAL (SELECT id, name, gate, blocking, passed, value, threshold, message, run_id, checked_at
                    FROM ops.check_results r WHERE r.name BETWEEN wanted.name AND wanted.name
                    ORDER BY r.name, id DESC LIMIT %(most)s) AS last
ORDER BY last.id;
