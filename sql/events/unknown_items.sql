-- Of a page's items, those whose event is neither stored nor known to be unread yet (their ordinal): what must be fetched.
-- The arrays come in binary, which costs psycopg a fifth of what text does.
-- Rejected leaves that a finished window accounts for, or that an operator accepted, are left to replays.
SELECT item.n
FROM unnest(%(package_keys)b::text[], %(version_keys)b::text[], %(deletes)b::boolean[], %(ticks)b::bigint[], %(urls)b::text[])
     WITH ORDINALITY AS item (package_key, version_key, is_delete, ticks, url, n)
LEFT JOIN raw.read_versions v USING (package_key, version_key)
LEFT JOIN ops.rejected_leaves r ON r.leaf_url = item.url
WHERE CASE WHEN item.is_delete
           THEN v.delete_ticks IS NULL OR (v.delete_ticks, v.delete_url) < (item.ticks, item.url COLLATE "C")
           ELSE v.details_ticks IS NULL OR (v.details_ticks, v.details_url) < (item.ticks, item.url COLLATE "C") END
  AND (r.leaf_url IS NULL OR (r.resolution IS DISTINCT FROM 'accepted' AND item.ticks > %(watermark)s))
  AND (SELECT 1 FROM raw.unread_leaves u
       WHERE u.package_key = item.package_key AND u.version_key = item.version_key AND NOT u.rejected
         AND CASE WHEN item.is_delete THEN (u.delete_ticks, u.delete_url) >= (item.ticks, item.url COLLATE "C")
                  ELSE (u.details_ticks, u.details_url) >= (item.ticks, item.url COLLATE "C") END) IS NULL
ORDER BY item.n;
