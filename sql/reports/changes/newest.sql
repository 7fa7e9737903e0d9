-- Changes of verdicts and of licenses between versions, newest first: of one package or of all, from a moment on.
SELECT * FROM (
    (SELECT 'license' AS kind, id, released_at AS at, package_id, from_version, to_version, from_verdict, to_verdict,
            from_rule, to_rule, from_ids, to_ids, NULL AS cause
     FROM enriched.license_id_changes
     WHERE (%(package_key)s::text IS NULL OR package_key = %(package_key)s)
       AND released_at >= coalesce(%(since)s::timestamptz, '-infinity')
     ORDER BY released_at DESC, id DESC LIMIT %(most)s)
    UNION ALL
    (SELECT 'verdict', id, changed_at, package_id, from_version, to_version, from_verdict, to_verdict, from_rule, to_rule,
            NULL, NULL, cause
     FROM enriched.verdict_changes
     WHERE (%(package_key)s::text IS NULL OR package_key = %(package_key)s)
       AND changed_at >= coalesce(%(since)s::timestamptz, '-infinity')
     ORDER BY changed_at DESC, id DESC LIMIT %(most)s)
) AS change
ORDER BY at DESC, kind, id DESC LIMIT %(most)s;
