-- Packages by verdict.
SELECT verdict, count(*) AS packages FROM enriched.nuget_package_oss_status GROUP BY verdict;
