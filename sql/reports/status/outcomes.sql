-- How the last run of each source ended, where it ended by itself.
SELECT last.id, source, last.action, last.state, last.error, last.finished_at
FROM unnest(%(sources)s::text[]) AS wanted (source)
CROSS JOIN LATERAL (SELECT id, action, state, error, finished_at FROM ops.runs r
                    WHERE r.source = wanted.source AND action <> 'replay'
                      AND state NOT IN ('running', 'skipped', 'aborted')
                    ORDER BY id DESC LIMIT 1) AS last
ORDER BY last.id;
