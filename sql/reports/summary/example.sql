-- A package whose verdict is fresh: a well-known one where there is one.
SELECT package_id, verdict FROM enriched.nuget_package_oss_status
ORDER BY (package_key = 'newtonsoft.json') DESC, classified_at DESC, package_key LIMIT 1;
