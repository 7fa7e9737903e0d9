-- The pages that are taken although items of them are missing, the newest decision first.
SELECT page_url, promised, items, why, accepted_by, accepted_at FROM ops.accepted_counts ORDER BY accepted_at DESC, page_url;
