-- How the last run of each source ended, where it ended by itself. Between the source and itself, in the order of the index,
-- for one without runs would be looked for among all others.
SELECT last.id, source, last.action, last.state, last.error, last.finished_at
FROM unnest(%(sources)s::text[]) AS wanted (source)
CROSS JOIN LATERAL (SELECT id, action, state, error, finished_at FROM ops.runs r
                    WHERE r.source BETWEEN wanted.source AND wanted.source AND action <> 'replay'
                      AND state NOT IN ('running', 'skipped', 'aborted')
                    ORDER BY r.source, id DESC LIMIT 1) AS last
ORDER BY last.id;
