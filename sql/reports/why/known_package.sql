-- What is known of a package that has no row yet, for it is not certain who speaks for it; no row when nothing is.
SELECT package_key, (array_agg(package_id ORDER BY sort_key DESC, version_key DESC))[1] AS package_id, 'unread' AS state,
       max(commit_timestamp) AS commit_timestamp
FROM raw.nuget_versions WHERE package_key = %(package_key)s GROUP BY package_key;
