-- The items of a page that stand, or stood, rejected because they break their shape; '.' is the letter behind '-'.
SELECT leaf_url, commit_ticks, resolution, resolved_at IS NULL AS open
FROM ops.rejected_leaves
WHERE leaf_url > %(page_url)s || '#item-' AND leaf_url < %(page_url)s || '#item.' AND reason = 'item';
