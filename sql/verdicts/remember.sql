-- How far this classification looked: every transaction below the horizon had ended before it began.
INSERT INTO enriched.classification (basis, system_id, seen_before, changes_seen, looked_at)
VALUES (%(basis)s, %(system_id)s, %(horizon)s::xid8, %(horizon)s::xid8, now())
ON CONFLICT (one) DO UPDATE SET basis = excluded.basis, system_id = excluded.system_id,
    seen_before = excluded.seen_before, changes_seen = excluded.changes_seen, looked_at = excluded.looked_at
WHERE classification.seen_before IS DISTINCT FROM excluded.seen_before OR classification.basis <> excluded.basis
   OR classification.changes_seen <> excluded.changes_seen OR classification.system_id <> excluded.system_id;
