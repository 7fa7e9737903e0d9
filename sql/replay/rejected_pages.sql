-- The pages that rejected leaves come from, with how many each.
SELECT page_url, count(*) AS leaves, max(commit_ticks) AS ticks
FROM ops.rejected_leaves WHERE resolved_at IS NULL GROUP BY page_url ORDER BY ticks, length(page_url), page_url;
