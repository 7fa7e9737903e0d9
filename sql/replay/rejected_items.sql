-- The rejected leaves of one page that nobody has resolved, but for those that are only a line of it.
SELECT package_id, version, kind, commit_ticks AS ticks, leaf_url AS url
FROM ops.rejected_leaves WHERE resolved_at IS NULL AND reason <> 'item' AND page_url = %(page_url)s ORDER BY ticks, url;
