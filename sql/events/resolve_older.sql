-- Rejected leaves that are none any more without being what is stored: they read well now but a newer leaf of their
-- version counts, or they are items that their page holds no more as they were.
UPDATE ops.rejected_leaves SET resolved_at = now(), resolution = 'replayed', last_seen = now()
WHERE leaf_url = ANY (%(urls)s) AND resolved_at IS NULL;
