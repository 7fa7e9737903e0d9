-- The bodies of rejected leaves that were resolved %(keep)s seconds ago go; their rows stay.
UPDATE ops.rejected_leaves SET body = NULL
WHERE leaf_url IN (SELECT leaf_url FROM ops.rejected_leaves
                   WHERE resolved_at < now() - make_interval(secs => %(keep)s) AND body IS NOT NULL
                   ORDER BY resolved_at LIMIT %(most)s);
