-- Rejected leaves that read well now, though a newer leaf of their version is what is stored.
UPDATE ops.rejected_leaves SET resolved_at = now(), resolution = 'replayed', last_seen = now()
WHERE leaf_url = ANY (%(urls)s) AND resolved_at IS NULL;
