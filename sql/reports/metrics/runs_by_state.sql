-- Runs of all time by source, action and how they stand.
SELECT source, action, state, count(*) AS runs FROM ops.runs GROUP BY source, action, state ORDER BY source, action, state;
