-- The last scan of a source, when it is blocked.
SELECT id FROM ops.runs r
WHERE source = %(source)s AND action <> 'replay' AND state = 'blocked'
  AND id = (SELECT max(id) FROM ops.runs
            WHERE source = r.source AND action <> 'replay' AND state IN ('done', 'caught_up', 'blocked'));
