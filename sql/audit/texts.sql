-- License files of versions that were looked up, as far as nobody has to be asked again: a file inside a version never
-- changes, and one that was not there is asked for again after a week. `reading` is what this reader made of it.
SELECT l.package_key, l.version_key, l.outcome, l.asked_url, l.sha256, l.error, l.seen_at, t.bytes,
       (SELECT to_jsonb(r) FROM enriched.license_readings r
        WHERE r.sha256 = l.sha256 AND r.reader = %(reader)s ORDER BY r.read_at DESC LIMIT 1) AS reading
FROM unnest(%(package_keys)s::text[], %(version_keys)s::text[]) AS asked (package_key, version_key)
JOIN raw.looked_up_texts l USING (package_key, version_key)
LEFT JOIN raw.license_texts t USING (sha256)
WHERE l.source_url = %(source_url)s AND (l.outcome = 'have' OR l.seen_at > now() - interval '7 days');
