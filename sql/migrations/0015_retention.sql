-- What retention looks for: bodies of leaves that were resolved.
CREATE INDEX rejected_leaves_resolved ON ops.rejected_leaves (resolved_at)
    WHERE resolved_at IS NOT NULL AND body IS NOT NULL;
