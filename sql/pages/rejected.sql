-- Of a run: the leaves its window holds, and how many of them stand rejected with nobody having resolved them; a replay
-- that could not have them either changes nothing about that.
SELECT (SELECT greatest(coalesce(sum(items), 0), coalesce(sum(leaves), 0))
        FROM ops.run_pages WHERE run_id = %(run_id)s)::bigint AS leaves,
       (SELECT count(*)
        FROM ops.rejected_leaves l JOIN ops.runs r ON r.id = %(run_id)s
        WHERE l.resolved_at IS NULL
          AND (l.run_id = r.id
               OR (l.commit_ticks > r.after_ticks AND l.commit_ticks <= r.up_to_ticks
                   AND EXISTS (SELECT FROM ops.run_pages p WHERE p.run_id = r.id AND p.page_url = l.page_url)))
       ) AS rejected;
