-- Changes that were recorded after those that a reader has seen, in the order in which they were recorded. Of each kind
-- that is the order of their numbers: a classification that began earlier may have waited for one that began later.
SELECT * FROM (
    (SELECT 'license' AS kind, id, released_at AS at, package_id, from_version, to_version, from_verdict, to_verdict,
            from_rule, to_rule, from_ids, to_ids, NULL AS cause, found_at AS recorded_at
     FROM enriched.license_id_changes
     WHERE id > %(license)s AND (%(package_key)s::text IS NULL OR package_key = %(package_key)s)
       AND released_at >= coalesce(%(since)s::timestamptz, '-infinity')
     ORDER BY id LIMIT %(most)s)
    UNION ALL
    (SELECT 'verdict', id, changed_at, package_id, from_version, to_version, from_verdict, to_verdict, from_rule, to_rule,
            NULL, NULL, cause, changed_at
     FROM enriched.verdict_changes
     WHERE id > %(verdict)s AND (%(package_key)s::text IS NULL OR package_key = %(package_key)s)
       AND changed_at >= coalesce(%(since)s::timestamptz, '-infinity')
     ORDER BY id LIMIT %(most)s)
) AS change
ORDER BY max(recorded_at) OVER (PARTITION BY kind ORDER BY id), kind, id LIMIT %(most)s;
