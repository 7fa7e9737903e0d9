-- Whether a package that is not deleted has no verdict: looked for among those changed since the classifier last looked.
SELECT count(*)::float8 FROM (
    SELECT FROM raw.nuget_packages p
    WHERE p.state <> 'deleted'
      AND p.changed_xid >= coalesce((SELECT seen_before FROM enriched.classification), '0'::xid8)
      AND NOT EXISTS (SELECT FROM enriched.nuget_package_oss_status s WHERE s.package_key = p.package_key)
    LIMIT 1000) AS found;
