-- Rejected leaves that are stored now.
UPDATE ops.rejected_leaves SET resolved_at = now(), resolution = 'replayed', last_seen = now()
WHERE leaf_url IN (SELECT leaf_url FROM pg_temp.incoming) AND resolved_at IS NULL;
