-- What the verdicts in `judged` would change, with a few examples of each change. A package whose row is gone speaks by
-- the version that would be chosen if it were derived again (see events/derive_packages), unless that is not certain.
WITH speaking AS (
    SELECT package_key, package_id, latest_version AS version, declaration, created FROM raw.nuget_packages
    WHERE state <> 'deleted' AND (%(only)s::text IS NULL OR package_key = %(only)s)
    UNION ALL
    (SELECT DISTINCT ON (v.package_key) v.package_key, v.package_id, v.version, v.declaration, v.created
     FROM raw.read_versions v
     WHERE v.deleted_at IS NULL AND v.details_ticks IS NOT NULL
       AND (%(only)s::text IS NULL OR v.package_key = %(only)s)
       AND NOT EXISTS (SELECT FROM raw.nuget_packages p WHERE p.package_key = v.package_key)
       AND NOT EXISTS (SELECT FROM raw.unread_packages u WHERE u.package_key = v.package_key)
     ORDER BY v.package_key, v.listed DESC, v.is_prerelease, v.sort_key DESC, v.version_key DESC)
)
SELECT s.verdict AS from_verdict, j.verdict AS to_verdict, s.rule AS from_rule, j.rule AS to_rule, count(*) AS packages,
       (array_agg(p.package_id ORDER BY p.package_key))[1:5] AS examples
FROM speaking p
LEFT JOIN enriched.texts_at_hand h ON h.package_key = p.package_key AND h.version = p.version
JOIN pg_temp.judged j ON j.declaration = p.declaration AND j.text_source = coalesce(h.source_id, 0)
    AND enriched.in_era(p.created, j.created_from, j.created_until)
LEFT JOIN enriched.nuget_package_oss_status s ON s.package_key = p.package_key
WHERE (s.verdict, s.rule) IS DISTINCT FROM (j.verdict, j.rule)
GROUP BY 1, 2, 3, 4 ORDER BY packages DESC, 1, 2, 3, 4;
