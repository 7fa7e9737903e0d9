-- The touched package rows, locked in key order before any version is written: no deadlock, no stale package row.
SELECT count(*)
FROM (SELECT 1
      FROM raw.nuget_packages
      WHERE package_key IN (SELECT package_key FROM pg_temp.incoming)
      ORDER BY package_key
      FOR NO KEY UPDATE) AS locked;
