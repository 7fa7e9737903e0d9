-- What the last classification used, and whether its horizon still means something on this server.
SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system_id,
       pg_snapshot_xmin(pg_current_snapshot()) AS horizon,
       c.basis, c.seen_before, c.changes_seen,
       EXISTS (SELECT FROM enriched.nuget_package_oss_status)
           AND EXISTS (SELECT FROM enriched.declaration_verdicts) AS has_verdicts,
       c.system_id = (SELECT system_identifier::text FROM pg_control_system())
           AND c.seen_before <= pg_snapshot_xmin(pg_current_snapshot()) AS same_server
FROM (SELECT 1) AS here LEFT JOIN enriched.classification c ON true;
