-- Their rows, in key order, as every page locks them. By their keys: a join would read the whole table, as nothing is known
-- of how many are touched.
SELECT count(*)
FROM (SELECT 1 FROM raw.nuget_packages
      WHERE package_key = ANY (ARRAY(SELECT package_key FROM pg_temp.touched_packages))
      ORDER BY package_key FOR NO KEY UPDATE) AS locked;
