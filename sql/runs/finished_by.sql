-- The first run that ended well and did what this one left undone: a later one of its source and action.
SELECT later.id
FROM ops.runs mine
CROSS JOIN LATERAL (
    SELECT r.id FROM ops.runs r
    WHERE r.source = mine.source AND r.action = mine.action AND r.id > mine.id AND r.state IN ('done', 'caught_up')
    ORDER BY r.id LIMIT 1) AS later
WHERE mine.id = %(id)s AND mine.action <> 'replay' AND mine.state IN ('failed', 'blocked', 'lost', 'aborted');
