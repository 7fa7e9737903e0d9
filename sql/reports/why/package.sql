-- A package, its verdict if it has one, and whether something newer than that verdict is stored.
SELECT p.package_key, p.package_id, p.state, p.latest_version, p.license_expression, p.license_file, p.license_url,
       p.project_url, p.commit_timestamp,
       s.verdict, s.rule, s.reason, s.evidence, s.spdx_ids, s.judged_version, s.spdx_list_version, s.ruleset, s.policy,
       s.classified_at,
       s.license_expression AS judged_expression, s.license_file AS judged_file, s.license_url AS judged_url,
       s.judged_version IS DISTINCT FROM p.latest_version OR s.declaration IS DISTINCT FROM p.declaration
           OR s.spdx_list_version IS DISTINCT FROM (SELECT min(list_version) FROM raw.spdx_licenses) AS pending
FROM raw.nuget_packages p
LEFT JOIN enriched.nuget_package_oss_status s USING (package_key)
WHERE p.package_key = %(package_key)s;
