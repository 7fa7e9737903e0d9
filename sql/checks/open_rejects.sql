-- Rejected leaves nobody has resolved.
SELECT count(*)::float8 FROM ops.rejected_leaves WHERE resolved_at IS NULL;
