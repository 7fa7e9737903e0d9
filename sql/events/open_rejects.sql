-- The next %(most)s rejected leaves that nobody has resolved, in the order of their commits; odd items of pages left out.
SELECT leaf_url, package_id, version, commit_ticks FROM ops.rejected_leaves
WHERE resolved_at IS NULL AND reason <> 'item' AND (commit_ticks, leaf_url) > (%(ticks)s, %(url)s)
ORDER BY commit_ticks, leaf_url
LIMIT %(most)s;
