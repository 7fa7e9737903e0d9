-- What the verdicts in `judged` would change, with a few examples of each change.
SELECT s.verdict AS from_verdict, j.verdict AS to_verdict, s.rule AS from_rule, j.rule AS to_rule, count(*) AS packages,
       (array_agg(p.package_id ORDER BY p.package_key))[1:5] AS examples
FROM raw.nuget_packages p
JOIN pg_temp.judged j ON j.declaration = p.declaration AND enriched.in_era(p.created, j.created_from, j.created_until)
LEFT JOIN enriched.nuget_package_oss_status s ON s.package_key = p.package_key
WHERE p.state <> 'deleted' AND (%(only)s::text IS NULL OR p.package_key = %(only)s)
  AND (s.verdict, s.rule) IS DISTINCT FROM (j.verdict, j.rule)
GROUP BY 1, 2, 3, 4 ORDER BY packages DESC, 1, 2, 3, 4;
