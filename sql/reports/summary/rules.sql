-- Verdicts by the rule that decided them, most first.
SELECT verdict, rule, count(*) AS packages FROM enriched.nuget_package_oss_status
GROUP BY verdict, rule ORDER BY packages DESC, rule;
