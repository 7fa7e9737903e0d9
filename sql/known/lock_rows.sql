-- Their rows, in key order, as every page locks them.
SELECT count(*)
FROM (SELECT 1 FROM raw.nuget_packages
      WHERE package_key IN (SELECT package_key FROM pg_temp.touched_packages)
      ORDER BY package_key FOR NO KEY UPDATE) AS locked;
