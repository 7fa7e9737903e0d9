-- Packages by verdict, among %(percent)s percent of them, the same ones each time.
SELECT verdict, count(*) AS packages
FROM enriched.nuget_package_oss_status TABLESAMPLE SYSTEM (%(percent)s) REPEATABLE (1)
GROUP BY verdict ORDER BY verdict;
