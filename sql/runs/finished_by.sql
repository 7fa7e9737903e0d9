-- The first run that ended well and did what this one left undone: a later one of its source and action.
SELECT r.id
FROM ops.runs mine JOIN ops.runs r ON r.source = mine.source AND r.action = mine.action AND r.id > mine.id
WHERE mine.id = %(id)s AND mine.action <> 'replay' AND mine.state IN ('failed', 'blocked', 'lost', 'aborted')
  AND r.state IN ('done', 'caught_up')
ORDER BY r.id LIMIT 1;
