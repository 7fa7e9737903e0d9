-- Of a run: the leaves its window holds, and how many of those it rejected stand with nobody having resolved them.
SELECT (SELECT greatest(coalesce(sum(items), 0), coalesce(sum(leaves), 0))
        FROM ops.run_pages WHERE run_id = %(run_id)s)::bigint AS leaves,
       (SELECT count(*) FROM ops.rejected_leaves WHERE resolved_at IS NULL AND run_id = %(run_id)s) AS rejected;
