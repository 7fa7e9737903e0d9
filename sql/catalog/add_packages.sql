-- A row to lock for each touched package that has none yet, in key order: every page locks in this order.
INSERT INTO raw.nuget_packages (package_key, package_id, state, commit_ticks)
SELECT package_key, min(package_id), 'deleted', min(commit_ticks)
FROM pg_temp.incoming
GROUP BY package_key
ORDER BY package_key
ON CONFLICT (package_key) DO NOTHING;
