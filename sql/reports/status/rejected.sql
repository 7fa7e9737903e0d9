-- How many leaves stand rejected, and the newest few of them.
SELECT count(*) OVER () AS total, leaf_url, package_id, version, reason, error, attempts, first_seen, last_seen
FROM ops.rejected_leaves WHERE resolved_at IS NULL ORDER BY commit_ticks DESC, leaf_url LIMIT %(most)s;
