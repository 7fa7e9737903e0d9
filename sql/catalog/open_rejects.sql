-- The rejected leaves nobody has resolved, oldest first.
SELECT leaf_url, package_id, version, kind, commit_ticks, page_url
FROM ops.rejected_leaves WHERE resolved_at IS NULL ORDER BY commit_ticks, leaf_url;
