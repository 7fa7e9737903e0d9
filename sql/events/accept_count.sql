-- An operator accepts that a page holds fewer items than are promised of it.
INSERT INTO ops.accepted_counts (page_url, promised, items, why, accepted_by)
VALUES (%(page_url)s, %(promised)s, %(items)s, %(why)s, %(by)s)
ON CONFLICT (page_url) DO UPDATE SET
    promised = excluded.promised, items = excluded.items, why = excluded.why, accepted_by = excluded.accepted_by,
    accepted_at = now();
