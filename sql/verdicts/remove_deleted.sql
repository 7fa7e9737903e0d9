-- A package that was deleted loses its verdict, and that is recorded.
WITH removed AS (
    DELETE FROM enriched.nuget_package_oss_status s
    USING raw.nuget_packages p
    WHERE p.package_key = s.package_key AND p.state = 'deleted' AND p.changed_xid >= %(since)s::xid8
    RETURNING s.package_key, s.package_id, s.verdict, s.rule, s.reason, s.judged_version
)
INSERT INTO enriched.verdict_changes (package_key, package_id, from_verdict, from_rule, from_reason, from_version,
                                      to_reason, cause)
SELECT package_key, package_id, verdict, rule, reason, judged_version, 'every version of the package was deleted',
       'deleted'
FROM removed;
