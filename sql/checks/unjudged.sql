-- Whether a package that is not deleted has no verdict: looked for among those changed since the classifier last looked,
-- one by one, for the planner cannot know how few they are; and among all where no package has one. Nothing where no package
-- is stored.
SELECT CASE WHEN EXISTS (SELECT FROM raw.nuget_packages) THEN count(*)::float8 END FROM (
    (SELECT FROM raw.nuget_packages p
     LEFT JOIN LATERAL (SELECT true AS found FROM enriched.nuget_package_oss_status s
                        WHERE s.package_key = p.package_key LIMIT 1) AS verdict ON true
     WHERE p.state <> 'deleted'
       AND p.changed_xid >= coalesce((SELECT seen_before FROM enriched.classification), '0'::xid8)
       AND verdict.found IS NULL
     LIMIT 1000)
    UNION ALL
    (SELECT FROM raw.nuget_packages p
     WHERE p.state <> 'deleted' AND NOT EXISTS (SELECT FROM enriched.nuget_package_oss_status)
     LIMIT 1000)) AS found;
